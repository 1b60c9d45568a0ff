// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptions as browsers and GStreamer write them, and as nobody should.

use proptest::prelude::*;

use super::{Answer, Fragment, MAX_LEN, Offer, parse_candidate};
use crate::lifecycle::FaultCode;
use crate::wire::{Codec, Extensions, PLAYOUT_DELAY, Promise};

const HEAD: &str = "v=0\r\no=- 4962303333179871723 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const CREDENTIALS: &str = "a=ice-ufrag:zLrk\r\na=ice-pwd:vyBt2nQXb5tQ0PxSGWJ6nFRK\r\n\
    a=ice-options:trickle\r\na=fingerprint:sha-256 2A:51:6F:00\r\na=setup:actpass\r\n";

/// Chromium, WHEP player: video first, then audio, then a data channel.
fn chromium() -> String {
    format!(
        "{HEAD}a=group:BUNDLE 0 1 2\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 102 103 104 105 106 107 108 109 45 118\r\n\
         c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n{CREDENTIALS}a=mid:0\r\n\
         a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
         a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
         a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n\
         a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
         a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n\
         a=rtpmap:102 H264/90000\r\n\
         a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
         a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n\
         a=rtpmap:104 H264/90000\r\n\
         a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n\
         a=rtpmap:106 H264/90000\r\n\
         a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n\
         a=rtpmap:108 H264/90000\r\n\
         a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
         a=rtpmap:45 AV1/90000\r\na=rtpmap:118 red/90000\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n{CREDENTIALS}a=mid:1\r\n\
         a=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n{CREDENTIALS}\
         a=mid:2\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
    )
}

/// [`chromium`] where the machine decodes H.265 up to `level_id`, the preferred codec.
fn with_h265(level_id: u8) -> String {
    let fmtp =
        |profile| format!("level-id={level_id};profile-id={profile};tier-flag=0;tx-mode=SRST");
    chromium().replacen("SAVPF 96", "SAVPF 49 51 96", 1).replacen(
        "a=rtpmap:96",
        &format!(
            "a=rtpmap:51 H265/90000\r\na=fmtp:51 {}\r\na=rtpmap:49 H265/90000\r\na=fmtp:49 {}\r\na=rtpmap:96",
            fmtp(2),
            fmtp(1)
        ),
        1,
    )
}

/// Firefox: audio first, session-level fingerprint, sendrecv, mids in its own way.
fn firefox() -> String {
    "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 7331 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
         a=fingerprint:sha-256 AA:BB\r\na=group:BUNDLE aud vid\r\na=ice-options:trickle\r\n\
         a=msid-semantic:WMS *\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 109\r\nc=IN IP4 0.0.0.0\r\na=recvonly\r\na=mid:aud\r\n\
         a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\na=ice-ufrag:audaud\r\na=rtpmap:109 opus/48000/2\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 120 126 97\r\nc=IN IP4 0.0.0.0\r\n\
         a=fmtp:126 profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1\r\n\
         a=fmtp:97 profile-level-id=42e01f;level-asymmetry-allowed=1\r\n\
         a=fmtp:120 max-fs=12288;max-fr=60\r\n\
         a=ice-pwd:bbbbbbbbbbbbbbbbbbbbbbbb\r\na=ice-ufrag:vidvid\r\na=mid:vid\r\na=sendrecv\r\n\
         a=rtpmap:120 VP8/90000\r\na=rtpmap:126 H264/90000\r\na=rtpmap:97 H264/90000\r\n"
        .to_owned()
}

/// GStreamer's whepsrc: bundle-only media, plain caps without parameters.
fn gstreamer() -> String {
    format!(
        "{HEAD}a=ice-options:trickle\r\na=group:BUNDLE video0\r\n\
         m=video 0 UDP/TLS/RTP/SAVPF 101\r\nc=IN IP4 0.0.0.0\r\n{CREDENTIALS}a=bundle-only\r\n\
         a=rtcp-mux\r\na=recvonly\r\na=rtpmap:101 H264/90000\r\na=rtcp-fb:101 nack pli\r\n\
         a=mid:video0\r\n"
    )
}

fn with_fmtp(fmtp: &str) -> Offer {
    let text = format!(
        "{HEAD}m=video 9 UDP/TLS/RTP/SAVPF 100\r\na=mid:0\r\na=rtpmap:100 H264/90000\r\n\
         a=fmtp:100 {fmtp}\r\n"
    );
    Offer::parse(&text).unwrap()
}

/// What our encoders make, of H.264 alone.
fn made(profile: Option<&str>) -> Promise {
    Promise { profile_level_id: profile.map(str::to_owned), level_id: None }
}

fn code(text: &str) -> FaultCode {
    Offer::parse(text).unwrap_err().code
}

#[test]
fn chromium_gets_constrained_baseline_in_mode_1() {
    let offer = Offer::parse(&chromium()).unwrap();
    assert_eq!(offer.mids(), ["0", "1", "2"]);
    assert_eq!((offer.ice_ufrag(), offer.video_mline()), (Some("zLrk"), 0));
    assert_eq!(offer.ice_pwd(), Some("vyBt2nQXb5tQ0PxSGWJ6nFRK"));
    assert!(offer.has_data_channel());
    assert_eq!(offer.video_codecs().len(), 5);
    for encoder in [None, Some("42e01f"), Some("42c01e"), Some("42c028")] {
        let chosen = offer.choose(&Codec::ALL, &made(encoder)).unwrap();
        assert_eq!((chosen.codec, chosen.payload), (Codec::H264, 108), "{encoder:?}");
    }
    assert_eq!(offer.choose(&Codec::ALL, &made(Some("42001f"))).unwrap().payload, 102);
    assert_eq!(offer.choose(&[Codec::Vp8, Codec::H264], &made(None)).unwrap().payload, 96);
    // No High in the offer: the camera's second codec is taken.
    assert_eq!(offer.choose(&Codec::ALL, &made(Some("64001f"))).unwrap().codec, Codec::Vp8);
    assert_eq!(offer.as_str(), chromium());
}

#[test]
fn header_extensions_are_read_under_the_viewers_numbers() {
    let of = |offer: &str| Offer::parse(offer).unwrap().extensions();
    let chromium = chromium();
    assert_eq!(of(&chromium), Extensions { transport_cc: Some(4), playout_delay: None });
    let said =
        |line: &str| of(&chromium.replacen("a=mid:0\r\n", &format!("a=mid:0\r\n{line}\r\n"), 1));
    assert_eq!(said(&format!("a=extmap:5 {PLAYOUT_DELAY}")).playout_delay, Some(5));
    assert_eq!(said(&format!("a=extmap:14/recvonly {PLAYOUT_DELAY} x")).playout_delay, Some(14));
    // A number that a header of one byte cannot have, and what is no number.
    for wrong in ["0", "15", "256", "-1", "x", "", "5 "] {
        assert_eq!(
            said(&format!("a=extmap:{wrong} {PLAYOUT_DELAY}")).playout_delay,
            None,
            "{wrong}"
        );
    }
    assert_eq!(said("a=extmap:5").playout_delay, None);
    // Another section's are not the video's.
    assert_eq!(of(&firefox()), Extensions::default());
}

#[test]
fn firefox_with_audio_first_is_read_at_its_video() {
    let offer = Offer::parse(&firefox()).unwrap();
    assert_eq!(offer.mids(), ["aud", "vid"]);
    assert_eq!((offer.video_mline(), offer.ice_ufrag()), (1, Some("vidvid")));
    assert!(!offer.has_data_channel());
    assert_eq!(offer.choose(&Codec::ALL, &made(None)).unwrap().payload, 126);
}

#[test]
fn a_receiver_that_says_nothing_of_h264_takes_any() {
    let offer = Offer::parse(&gstreamer()).unwrap();
    assert_eq!(offer.choose(&Codec::ALL, &made(Some("42c01f"))).unwrap().payload, 101);
    assert_eq!(offer.mids(), ["video0"]);
}

#[test]
fn modes_profiles_and_levels_decide() {
    let takes =
        |fmtp: &str, encoder| with_fmtp(fmtp).choose(&[Codec::H264], &made(encoder)).is_ok();
    assert!(takes("packetization-mode=1; profile-level-id=42E01F", Some("42e01f")));
    assert!(takes("profile-level-id=42001f;packetization-mode=1", Some("42e01f")), "contains it");
    assert!(takes("packetization-mode=1", Some("42e01f")));
    assert!(takes("packetization-mode=1;profile-level-id=4d801f", None), "constrained too");
    assert!(!takes("packetization-mode=1;profile-level-id=4d001f", Some("42e01f")));
    assert!(!takes("packetization-mode=0;profile-level-id=42e01f", Some("42e01f")));
    assert!(!takes("profile-level-id=42e01f", Some("42e01f")), "mode 0");
    assert!(!takes("packetization-mode=1;profile-level-id=42e01f", Some("42e028")), "level");
    let asymmetric = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    assert!(takes(asymmetric, Some("42e028")));
    assert!(!takes("packetization-mode=1;profile-level-id=42e01f", Some("42001f")));
}

/// Chromium with a decoder for H.265, whose payload types are low ones; and without.
#[test]
fn h265_is_taken_from_who_offers_its_profile_at_its_level() {
    let offer = Offer::parse(&with_h265(180)).unwrap();
    let level = |level_id| Promise { level_id, ..Promise::default() };
    for made in [level(None), level(Some(93)), level(Some(180))] {
        let chosen = offer.choose(&[Codec::H265, Codec::H264], &made).unwrap();
        assert_eq!((chosen.codec, chosen.payload), (Codec::H265, 49), "{made:?}");
        assert_eq!((chosen.profile_level_id, chosen.packetization_mode), (None, None));
    }
    // The camera's order, not the viewer's.
    assert_eq!(offer.choose(&Codec::ALL, &level(Some(93))).unwrap().codec, Codec::H264);
    let higher = level(Some(183));
    let codecs = [Codec::H265, Codec::Vp8];
    assert_eq!(offer.choose(&codecs, &higher).unwrap().codec, Codec::Vp8);
    let without = Offer::parse(&chromium()).unwrap();
    assert_eq!(without.choose(&codecs, &level(Some(93))).unwrap().codec, Codec::Vp8);
    let fault = without.choose(&[Codec::H265], &level(Some(93))).unwrap_err();
    assert_eq!(fault.code, FaultCode::NoCommonCodec);
    assert!(fault.detail.ends_with("; the camera has H265 main level 3.1"), "{fault}");
    let fault = offer.choose(&[Codec::H265], &higher).unwrap_err();
    let both = "H265 main level 6, H265 profile 2 level 6";
    assert!(fault.detail.contains(both), "{fault}");
}

#[test]
fn a_refusal_names_both_sides() {
    let offer = with_fmtp("packetization-mode=0;profile-level-id=42e01f");
    let fault = offer.choose(&Codec::ALL, &made(Some("42e01f"))).unwrap_err();
    assert_eq!(fault.code, FaultCode::NoCommonCodec);
    let detail = "the viewer offers H264 42e01f mode 0; \
        the camera has H264 42e01f mode 1, H265 main, VP8";
    assert_eq!(fault.detail, detail);
    let text = format!("{HEAD}m=video 9 UDP/TLS/RTP/SAVPF 98 99\r\na=rtpmap:98 VP9/90000\r\n");
    let fault = Offer::parse(&text).unwrap().choose(&[Codec::Vp8], &made(None)).unwrap_err();
    assert_eq!(fault.detail, "the viewer offers VP9; the camera has VP8");
}

#[test]
fn video_must_be_wanted() {
    let chromium = chromium();
    assert_eq!(code(&chromium.replace("a=recvonly", "a=sendonly")), FaultCode::SdpNoVideo);
    assert_eq!(code(&chromium.replace("a=recvonly", "a=inactive")), FaultCode::SdpNoVideo);
    assert_eq!(code(&chromium.replace("m=video 9", "m=video 0")), FaultCode::SdpNoVideo);
    assert_eq!(code(&chromium.replace("m=video", "m=text")), FaultCode::SdpNoVideo);
    assert_eq!(code(HEAD), FaultCode::SdpNoVideo);
    assert!(Offer::parse(&chromium.replace("a=recvonly\r\n", "")).is_ok(), "sendrecv by default");
    let inherited =
        chromium.replace("a=recvonly\r\n", "").replace("t=0 0\r\n", "t=0 0\r\na=inactive\r\n");
    assert_eq!(code(&inherited), FaultCode::SdpNoVideo);
    let detail = Offer::parse(&chromium.replace("a=recvonly", "a=sendonly")).unwrap_err().detail;
    assert_eq!(detail, "video was offered sendonly");

    let answer = Answer::parse(&chromium).unwrap();
    assert_eq!((answer.mids().len(), answer.ice_ufrag()), (3, Some("zLrk")));
    let refused = Answer::parse(&chromium.replace("a=recvonly", "a=inactive")).unwrap_err();
    assert_eq!(refused.code, FaultCode::SdpNoVideo);
}

#[test]
fn garbage_is_refused() {
    for text in
        ["", "hello", "v=1\r\n", "{\"sdp\":\"\"}", "v=0\r\nm=video x y z\r\n", "\u{feff}v=0"]
    {
        assert_eq!(code(text), FaultCode::SdpInvalid, "{text:?}");
    }
    // sdp-types 0.1 panics at the first of these when it is asked.
    for broken in ["SAVPF \n96", "SAVPF 96\nxx=y\r\n", "SAVPF 96\r\r\n", "SAVPF\né=96"] {
        assert_eq!(
            code(&chromium().replace("SAVPF 96", broken)),
            FaultCode::SdpInvalid,
            "{broken:?}"
        );
    }
    assert_eq!(code(&chromium().replace("zLrk", "z\0rk")), FaultCode::SdpInvalid);
    assert_eq!(code(&chromium().replace("zLrk", "z\u{1b}[2Jrk")), FaultCode::SdpInvalid);
    let long = |len: usize| chromium() + &"a=x\r\n".repeat((len - chromium().len()) / 5);
    assert!(Offer::parse(&long(MAX_LEN)).is_ok());
    assert_eq!(code(&long(MAX_LEN + 5)), FaultCode::SdpInvalid);
}

const CANDIDATE: &str = "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 \
    ufrag zLrk network-id 1";

fn mids() -> Vec<String> {
    Offer::parse(&firefox()).unwrap().mids().to_vec()
}

#[test]
fn a_fragment_gives_candidates_with_the_index_of_their_section() {
    let text = format!(
        "a=group:BUNDLE aud vid\r\na=ice-ufrag:zLrk\r\na=ice-pwd:vyBt2nQXb5tQ0PxSGWJ6nFRK\r\n\
         m=audio 9 RTP/AVP 0\r\na=mid:aud\r\na={CANDIDATE}\r\n\
         m=video 9 RTP/AVP 0\r\na={CANDIDATE}\r\na=mid:vid\r\na=end-of-candidates\r\n"
    );
    let fragment = Fragment::parse(&text, &mids()).unwrap();
    assert_eq!(fragment.ice_ufrag.as_deref(), Some("zLrk"));
    assert_eq!(fragment.ice_pwd.as_deref(), Some("vyBt2nQXb5tQ0PxSGWJ6nFRK"));
    let got: Vec<_> = fragment.candidates.iter().map(|c| (c.mline, c.candidate.as_str())).collect();
    assert_eq!(got, [(0, CANDIDATE), (1, CANDIDATE), (1, "")]);
}

#[test]
fn a_fragment_may_be_a_restart_or_the_end_alone() {
    let restart = "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n";
    assert!(Fragment::parse(restart, &mids()).unwrap().candidates.is_empty());
    let end = Fragment::parse("a=end-of-candidates\n", &mids()).unwrap();
    assert_eq!(end.candidates.len(), 1);
    assert_eq!(end.candidates[0].candidate, "");
}

#[test]
fn bad_fragments_are_refused() {
    let refused = |text: &str| Fragment::parse(text, &mids()).unwrap_err().code;
    assert_eq!(refused(""), FaultCode::SdpInvalid);
    assert_eq!(refused("nonsense"), FaultCode::SdpInvalid);
    assert_eq!(refused("a=ice-ufrag:ab\n"), FaultCode::SdpInvalid);
    assert_eq!(refused("a=ice-ufrag:ab\0d\n"), FaultCode::SdpInvalid);
    assert_eq!(refused(&"a=x\n".repeat(MAX_LEN / 4 + 1)), FaultCode::SdpInvalid);
    assert_eq!(refused(&format!("m=video 9 X 0\na=mid:9\na={CANDIDATE}\n")), FaultCode::SdpInvalid);
    assert_eq!(refused(&format!("m=video 9 X 0\na={CANDIDATE}\n")), FaultCode::SdpInvalid);
    let bad = "m=video 9 X 0\na=mid:vid\na=candidate:1 1 udp x\n";
    assert_eq!(refused(bad), FaultCode::CandidateInvalid);
}

#[test]
fn candidates_are_checked() {
    for good in [
        CANDIDATE,
        "",
        "candidate:0 1 UDP 2122252543 4c2c2f0e-6b5b-4f3f-8f2d-0d0b5a1c7e11.local 50000 typ host",
        "candidate:4 1 tcp 2105458943 fd00::2 9 typ host tcptype active",
        "candidate:2 1 UDP 1686052863 198.51.100.7 50000 typ srflx raddr 0.0.0.0 rport 0",
    ] {
        let prefixed = if good.is_empty() { String::new() } else { format!("a={good}\r\n") };
        for text in [good, &prefixed] {
            let candidate = parse_candidate(text, 3).unwrap();
            assert_eq!((candidate.candidate.as_str(), candidate.mline), (good, 3));
        }
    }
    for bad in [
        "candidate:",
        "1 1 udp 1 192.0.2.1 1 typ host",
        "candidate:1 0 udp 1 192.0.2.1 1 typ host",
        "candidate:1 1 udp 4294967296 192.0.2.1 1 typ host",
        "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
        "candidate:1 1 udp 1 a/b 1 typ host",
        "candidate:1 1 udp 1 192.0.2.1 1 host typ",
        "candidate:1 1 udp 1 192.0.2.1 1 typ",
        "candidate:1 1 udp 1 192.0.2.1 1 typ host x",
        "candidate:1  1 udp 1 192.0.2.1 1 typ host",
        "candidate:1 1 udp 1 192.0.2.1 1 typ host a b\0",
        "candidate:1 1 udp 1 192.0.2.1 1 typ host a b\nc=d",
    ] {
        let fault = parse_candidate(bad, 0).unwrap_err();
        assert_eq!(fault.code, FaultCode::CandidateInvalid, "{bad:?}");
    }
    let long = format!("candidate:1 1 udp 1 {}.local 1 typ host", "a".repeat(2000));
    assert!(parse_candidate(&long, 0).unwrap_err().detail.len() < 200);
}

/// A description with some of its bytes replaced, removed or doubled.
fn broken() -> impl Strategy<Value = String> {
    let texts =
        prop_oneof![Just(chromium()), Just(with_h265(93)), Just(firefox()), Just(gstreamer())];
    (texts, prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3), 0..6))
        .prop_map(|(text, edits)| {
            let mut chars: Vec<char> = text.chars().collect();
            for (at, c, kind) in edits {
                let at = at.index(chars.len());
                match kind {
                    0 => chars[at] = c,
                    1 => drop(chars.remove(at)),
                    _ => chars.insert(at, c),
                }
            }
            chars.into_iter().collect()
        })
}

proptest! {
    // The parser is somebody else's, so that it is tried more often.
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), text in broken()) {
        let mids = mids();
        for text in [String::from_utf8_lossy(&bytes).into_owned(), text] {
            match Offer::parse(&text) {
                Ok(offer) => {
                    prop_assert!(!text.contains('\0'));
                    match offer.choose(&Codec::ALL, &made(Some("42e01f"))) {
                        Ok(chosen) => prop_assert!(chosen.payload < 128),
                        Err(fault) => prop_assert_eq!(fault.code, FaultCode::NoCommonCodec),
                    }
                }
                Err(fault) => prop_assert!(matches!(fault.code, FaultCode::SdpInvalid | FaultCode::SdpNoVideo)),
            }
            let _ = Answer::parse(&text);
            let _ = Fragment::parse(&text, &mids);
            let _ = parse_candidate(&text, 0);
        }
    }

    #[test]
    fn any_candidate_is_read_or_refused(text in r"(candidate:)?[a-z0-9 .:=]{0,60}") {
        if let Ok(candidate) = parse_candidate(&text, 0) {
            prop_assert!(candidate.candidate.is_empty() || candidate.candidate.starts_with("candidate:"));
        }
    }
}
