//! Properties of the wire format over generated input. SECURITY S-01, S-08.

use super::framing::StreamFramer;
use super::message::{Message, Method, Request, Response, StatusCode};
use super::uri::{Host, NameAddr, Params, Scheme, Uri};
use super::{Headers, Via};
use proptest::collection::vec;
use proptest::prelude::*;

const TOKEN: &str = "[A-Za-z0-9.!%*_+`'~-]{1,12}";

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "[a-z]([a-z0-9.-]{0,20}[a-z])?".prop_map(Host::Name),
        any::<u32>().prop_map(|bits| Host::V4(bits.into())),
        any::<u128>().prop_map(|bits| Host::V6(bits.into())),
    ]
}

fn params(name: &'static str) -> impl Strategy<Value = Params> {
    vec((name, proptest::option::of(any::<String>())), 0..5).prop_map(|pairs| {
        let mut params = Params::new();
        for (name, value) in pairs {
            match value {
                Some(value) => params.set(&name, &value),
                None => params.set_flag(&name),
            }
        }
        params
    })
}

fn sip_uri() -> impl Strategy<Value = Uri> {
    let user =
        proptest::option::of(("\\PC{1,12}|[\0-\u{ff}]{1,6}", proptest::option::of(".{0,8}")));
    let scheme = prop_oneof![Just(Scheme::Sip), Just(Scheme::Sips)];
    (scheme, user, host(), any::<Option<u16>>(), params(".{1,8}")).prop_map(
        |(scheme, user, host, port, params)| {
            let (user, password) = user.unzip();
            Uri { scheme, user, password: password.flatten(), host, port, params, headers: vec![] }
        },
    )
}

fn uri() -> impl Strategy<Value = Uri> {
    let tel = ("[0-9+*#.()-]{1,15}", params(".{1,8}")).prop_map(|(number, params)| Uri {
        scheme: Scheme::Tel,
        user: Some(number),
        params,
        ..Uri::sip(None, Host::None)
    });
    let other = ("[a-rt-z][a-z0-9+.-]{3,8}", "[!#-;=?-~]{1,20}").prop_map(|(name, rest)| Uri {
        scheme: Scheme::Other { name: name.into(), rest: rest.into() },
        ..Uri::sip(None, Host::None)
    });
    prop_oneof![8 => sip_uri(), 1 => tel, 1 => other]
}

fn name_addr() -> impl Strategy<Value = NameAddr> {
    let headers = vec((".{1,8}", ".{0,8}"), 0..3);
    (uri(), headers, any::<String>(), params(TOKEN)).prop_map(|(uri, headers, name, params)| {
        let headers = if uri.is_sip() { headers } else { Vec::new() };
        NameAddr { params: written_values(&params), ..NameAddr::new(Uri { headers, ..uri }) }
            .with_display_name(&name)
    })
}

/// Header parameters lose the control characters of their values when written.
fn written_values(params: &Params) -> Params {
    let mut written = Params::new();
    for (name, value) in params.iter() {
        match value {
            Some(value) => {
                let plain = value.chars().filter(|c| !c.is_ascii_control());
                written.set(name, &plain.collect::<String>());
            }
            None => written.set_flag(name),
        }
    }
    written
}

fn via() -> impl Strategy<Value = Via> {
    (TOKEN, host(), any::<Option<u16>>(), TOKEN)
        .prop_map(|(transport, host, port, branch)| Via::new(&transport, host, port, &branch))
}

fn headers(method: Method) -> impl Strategy<Value = Headers> {
    let from = (name_addr(), TOKEN).prop_map(|(mut from, tag)| {
        from.params.set("tag", &tag);
        from
    });
    let to = name_addr().prop_map(|mut to| {
        to.params.remove("tag");
        to
    });
    let others = vec(("X-[A-Za-z0-9.!%*_+`'~-]{1,12}", any::<String>()), 0..8);
    let contacts = vec(name_addr(), 0..3);
    (vec(via(), 1..4), from, to, 0_u32..1 << 31, contacts, others).prop_map(
        move |(vias, from, to, number, contacts, others)| {
            let mut headers = Headers::new();
            let vias: Vec<_> = vias.iter().map(Via::to_string).collect();
            headers.push("Via", vias.join(" , "));
            headers.push("From", from.to_string());
            headers.push("To", to.to_string());
            headers.push("Call-ID", "a84b4c76e66710@pc33");
            headers.push("CSeq", format!("{number} {method}"));
            for contact in contacts {
                headers.push("Contact", contact.to_string());
            }
            for (name, value) in others {
                headers.push(&name, value);
            }
            headers
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let method = TOKEN.prop_map(|word| word.parse::<Method>().unwrap());
    let body = vec(any::<u8>(), 0..50);
    let request = (method, uri()).prop_flat_map(move |(method, uri)| {
        (headers(method.clone()), body.clone()).prop_map(move |(headers, body)| {
            let (method, uri) = (method.clone(), uri.clone());
            Message::Request(Request { method, uri, headers, body })
        })
    });
    let response = (100_u16..700, "\\PC{0,20}", headers(Method::Invite)).prop_map(
        |(code, reason, headers)| {
            let status = StatusCode::new(code).unwrap();
            let reason = super::text::clean(&reason).trim_matches(' ').to_owned();
            Message::Response(Response { status, reason, headers, body: Vec::new() })
        },
    );
    prop_oneof![request, response]
}

fn written(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.write(&mut out);
    out
}

proptest! {
    #[test]
    fn a_written_message_parses_to_itself(message in message()) {
        let bytes = written(&message);
        prop_assert_eq!(Message::parse(&bytes), Ok(message));
    }

    #[test]
    fn a_written_message_is_one_frame_of_a_stream(message in message(), at in any::<usize>()) {
        let bytes = written(&message);
        let (left, right) = bytes.split_at(at % bytes.len());
        let mut framer = StreamFramer::new();
        framer.push(left);
        prop_assert_eq!(framer.next(), None);
        framer.push(right);
        prop_assert_eq!(framer.next(), Some(Ok(super::framing::Frame::Message(bytes))));
        prop_assert_eq!(framer.next(), None);
    }

    #[test]
    fn s08_whatever_values_hold_a_message_has_the_lines_it_was_given(message in message()) {
        let bytes = written(&message);
        let head = bytes.len() - message.body().len();
        let lines = bytes[..head].iter().filter(|byte| **byte == b'\n').count();
        // Start line, Content-Length, blank line.
        prop_assert_eq!(lines, message.headers().len() + 3);
        prop_assert!(!bytes[..head].contains(&0));
    }

    #[test]
    fn an_address_written_parses_to_itself(address in name_addr()) {
        prop_assert_eq!(address.to_string().parse(), Ok(address));
    }

    #[test]
    fn a_via_written_parses_to_itself(via in via()) {
        prop_assert_eq!(via.to_string().parse(), Ok(via));
    }

    #[test]
    fn s01_no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = Message::parse(&bytes);
        let mut framer = StreamFramer::new();
        for piece in bytes.chunks(7) {
            framer.push(piece);
            while let Some(Ok(_)) = framer.next() {}
        }
    }

    #[test]
    fn s01_no_text_makes_a_value_parser_panic(text in "[ \t\"<>@:;,?=%a-f0-9\\\\/\\[\\]*&\u{ff}sip]{0,60}") {
        let _ = text.parse::<Uri>();
        let _ = text.parse::<NameAddr>();
        let _ = text.parse::<Via>();
        let _ = text.parse::<super::CSeq>();
        let mut headers = Headers::new();
        headers.push("WWW-Authenticate", &text);
        let _ = super::digest::challenges(&headers, super::digest::ChallengedBy::Server);
    }

    #[test]
    fn what_parses_as_a_uri_is_written_so_that_it_parses_the_same(text in "(sips?|tel|x):[a-f%0-9@:;?=&\\[\\]/+#]{0,30}") {
        if let Ok(uri) = text.parse::<Uri>() {
            prop_assert_eq!(uri.to_string().parse(), Ok(uri));
        }
    }
}
