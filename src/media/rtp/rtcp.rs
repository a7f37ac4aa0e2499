//! RTCP compounds: built and read over `rtc-rtcp` (RFC 3550 §6).
