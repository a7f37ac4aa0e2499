//! The buffer a packet lives in from the moment it is received until it is sent.

/// Longest datagram taken, bytes: an Ethernet frame's worth. Longer ones arrive empty.
const RECEIVE_MAX: usize = 1536;

/// Room behind the longest datagram for SRTP and SRTCP tags.
const TAIL: usize = 64;

const CAPACITY: usize = RECEIVE_MAX + TAIL;

/// One datagram, and where in its buffer it lies. Dropping bytes from the front moves the
/// beginning, never the payload.
#[derive(Clone)]
pub struct PacketBuf {
    start: usize,
    len: usize,
    bytes: [u8; CAPACITY],
}

impl Default for PacketBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl PacketBuf {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { start: 0, len: 0, bytes: [0; CAPACITY] }
    }

    /// A copy of `datagram`; `None` if it is too long.
    #[must_use]
    pub fn from_slice(datagram: &[u8]) -> Option<Self> {
        let mut packet = Self::new();
        packet.fill(datagram).then_some(packet)
    }

    /// Length of the datagram, bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The datagram.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..self.start + self.len).unwrap_or_default()
    }

    /// The datagram, to be changed in place.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.start + self.len).unwrap_or_default()
    }

    /// Replaces the content by `datagram`; false, and empty, if that is too long.
    pub fn fill(&mut self, datagram: &[u8]) -> bool {
        (self.start, self.len) = (0, 0);
        let Some(area) = self.receive_area().get_mut(..datagram.len()) else { return false };
        area.copy_from_slice(datagram);
        self.len = datagram.len();
        true
    }

    /// Empties it and gives the place where a datagram may be received into.
    pub fn receive_area(&mut self) -> &mut [u8] {
        (self.start, self.len) = (0, 0);
        self.bytes.get_mut(..RECEIVE_MAX).unwrap_or_default()
    }

    /// Tells how much was written into [`PacketBuf::receive_area`].
    pub fn set_received(&mut self, len: usize) {
        (self.start, self.len) = (0, len.min(RECEIVE_MAX));
    }

    /// Shortens the datagram at its end to `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Drops `count` bytes from the front.
    pub(super) fn advance(&mut self, count: usize) {
        let count = count.min(self.len);
        self.start += count;
        self.len -= count;
    }

    /// The datagram with all the room behind it, and its length, for sealing in place.
    pub(super) fn sealing_area(&mut self) -> (&mut [u8], usize) {
        (self.bytes.get_mut(self.start..).unwrap_or_default(), self.len)
    }

    /// Tells the length after sealing.
    pub(super) fn set_sealed(&mut self, len: usize) {
        self.len = len.min(CAPACITY - self.start);
    }
}

impl std::fmt::Debug for PacketBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PacketBuf").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_dropped_without_moving_what_is_behind() {
        let mut packet = PacketBuf::from_slice(b"headerpayload").unwrap();
        let at = packet.as_slice()[6..].as_ptr();
        packet.advance(6);
        assert_eq!(packet.as_slice(), b"payload");
        assert_eq!(packet.as_slice().as_ptr(), at);
    }

    #[test]
    fn the_longest_datagram_leaves_room_for_its_tag() {
        let mut packet = PacketBuf::from_slice(&[7; RECEIVE_MAX]).unwrap();
        let (area, len) = packet.sealing_area();
        assert_eq!((area.len(), len), (CAPACITY, RECEIVE_MAX));
        packet.set_sealed(RECEIVE_MAX + 16);
        assert_eq!(packet.len(), RECEIVE_MAX + 16);
        assert!(PacketBuf::from_slice(&[7; RECEIVE_MAX + 1]).is_none());
    }
}
