// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way most programs do it: camera, encoder and webrtcbin in one pipeline of one process, ended
//! by one `set_state(NULL)`. It speaks lines of JSON; who has started it is its signalling.

use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use gst::prelude::*;
use gst_sdp::SDPMessage;
use gst_webrtc::{
    WebRTCDataChannel, WebRTCICEGatheringState, WebRTCSDPType, WebRTCSessionDescription,
};
use serde::{Deserialize, Serialize};

/// A way of ending that is seen in programs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Habit {
    /// The main thread sets the pipeline to NULL.
    Null,
    /// The callback of the data channel does, when the viewer asks for the stop on it.
    InCallback,
    /// EOS is sent and waited for first.
    EndOfStream,
    /// A picture was kept, for a still photo or a statistic.
    KeptPicture,
}

impl Habit {
    pub(crate) const ALL: [Self; 4] =
        [Self::Null, Self::InCallback, Self::EndOfStream, Self::KeptPicture];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Habit::Null => "null",
            Habit::InCallback => "in-callback",
            Habit::EndOfStream => "end-of-stream",
            Habit::KeptPicture => "kept-picture",
        }
    }
}

/// What it is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Told {
    /// Load what the text names.
    Prepare {
        launch: String,
    },
    Begin {
        launch: String,
        habit: Habit,
    },
    Answer {
        sdp: String,
        candidate: String,
    },
    Stop,
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Says {
    Ready,
    /// The camera's first picture.
    Delivers,
    Offer {
        sdp: String,
    },
    /// After so many milliseconds.
    Stopped {
        took: f64,
    },
    Failed {
        why: String,
    },
}

fn say(says: &Says) {
    let mut out = std::io::stdout().lock();
    // Nobody reads any more: then this program ends too.
    let _ = serde_json::to_writer(&mut out, says).map(|()| out.write_all(b"\n"));
    let _ = out.flush();
}

struct Program {
    pipeline: gst::Pipeline,
    webrtc: gst::Element,
    habit: Habit,
    kept: Arc<Mutex<Option<gst::Buffer>>>,
    _channel: Option<WebRTCDataChannel>,
}

/// Until nobody tells it anything more.
pub(crate) fn main() {
    gst::init().unwrap();
    let mut program = None;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match serde_json::from_str(&line).unwrap() {
            Told::Prepare { launch } => {
                // Made and dropped: the plugins stay.
                drop(gst::parse::launch(&text(&launch)));
                say(&Says::Ready);
            }
            Told::Begin { launch, habit } => match Program::begin(&launch, habit) {
                Ok(begun) => program = Some(begun),
                Err(error) => say(&Says::Failed { why: error.to_string() }),
            },
            Told::Answer { sdp, candidate } => {
                if let Some(program) = &program {
                    program.answer(&sdp, &candidate);
                }
            }
            Told::Stop => {
                if let Some(program) = program.take() {
                    program.stop();
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is how it is done there")]
fn set_state(element: &impl IsA<gst::Element>, state: gst::State) -> bool {
    element.set_state(state).is_ok()
}

fn null(pipeline: &gst::Pipeline) {
    let asked = Instant::now();
    set_state(pipeline, gst::State::Null);
    say(&Says::Stopped { took: asked.elapsed().as_secs_f64() * 1e3 });
}

fn text(launch: &str) -> String {
    format!(
        "{launch} ! rtph264pay aggregate-mode=zero-latency config-interval=-1 \
         ! application/x-rtp,media=video,encoding-name=H264,payload=108 \
         ! webrtcbin name=webrtc bundle-policy=max-bundle latency=0"
    )
}

impl Program {
    fn begin(launch: &str, habit: Habit) -> Result<Self, gst::glib::Error> {
        let pipeline = gst::parse::launch(&text(launch))?.downcast::<gst::Pipeline>().unwrap();
        let webrtc = pipeline.by_name("webrtc").unwrap();
        let kept = Arc::new(Mutex::new(None));
        let keep = (habit == Habit::KeptPicture).then(|| Arc::clone(&kept));
        let camera = pipeline.by_name("camera").and_then(|camera| camera.static_pad("src"));
        camera.unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            say(&Says::Delivers);
            if let Some(keep) = &keep {
                *keep.lock().unwrap() = info.buffer().map(ToOwned::to_owned);
            }
            gst::PadProbeReturn::Remove
        });
        webrtc.connect("on-negotiation-needed", false, |values| {
            offer(&values[0].get::<gst::Element>().unwrap());
            None
        });
        webrtc.connect_notify(Some("ice-gathering-state"), |webrtc, _| {
            let state = webrtc.property::<WebRTCICEGatheringState>("ice-gathering-state");
            let local = webrtc.property::<Option<WebRTCSessionDescription>>("local-description");
            if let (WebRTCICEGatheringState::Complete, Some(local)) = (state, local) {
                say(&Says::Offer { sdp: local.sdp().as_text().unwrap() });
            }
        });
        set_state(&webrtc, gst::State::Ready);
        let options = None::<gst::Structure>;
        let channel = webrtc.emit_by_name::<Option<WebRTCDataChannel>>(
            "create-data-channel",
            &[&"control", &options],
        );
        if habit == Habit::InCallback {
            let pipeline = pipeline.clone();
            channel.as_ref().unwrap().connect_on_message_string(move |_, _| null(&pipeline));
        }
        if !set_state(&pipeline, gst::State::Playing) {
            say(&Says::Failed { why: "the pipeline does not play".into() });
        }
        Ok(Self { pipeline, webrtc, habit, kept, _channel: channel })
    }

    fn answer(&self, sdp: &str, candidate: &str) {
        let sdp = SDPMessage::parse_buffer(sdp.as_bytes()).unwrap();
        let description = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
        let none = None::<gst::Promise>;
        self.webrtc.emit_by_name::<()>("set-remote-description", &[&description, &none]);
        self.webrtc.emit_by_name::<()>("add-ice-candidate", &[&0u32, &candidate]);
    }

    fn stop(self) {
        match self.habit {
            Habit::Null | Habit::KeptPicture => null(&self.pipeline),
            Habit::EndOfStream => {
                self.pipeline.send_event(gst::event::Eos::new());
                let over = [gst::MessageType::Eos, gst::MessageType::Error];
                let bus = self.pipeline.bus().unwrap();
                // Programs wait without end; this one has to give its record.
                if bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &over).is_some() {
                    null(&self.pipeline);
                }
            }
            // The callback has done it.
            Habit::InCallback => {}
        }
        if self.habit == Habit::KeptPicture {
            // A program that keeps a picture keeps it for as long as it runs.
            std::mem::forget(Arc::clone(&self.kept));
        }
    }
}

/// The promise's callback runs on webrtcbin's thread, where setting the description is allowed.
fn offer(webrtc: &gst::Element) {
    let weak = webrtc.downgrade();
    let promise = gst::Promise::with_change_func(move |reply| {
        let offer =
            reply.ok().flatten().and_then(|r| r.get::<WebRTCSessionDescription>("offer").ok());
        if let (Some(webrtc), Some(offer)) = (weak.upgrade(), offer) {
            let none = None::<gst::Promise>;
            webrtc.emit_by_name::<()>("set-local-description", &[&offer, &none]);
        }
    });
    let options = None::<gst::Structure>;
    webrtc.emit_by_name::<()>("create-offer", &[&options, &promise]);
}
