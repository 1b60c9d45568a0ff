// SPDX-License-Identifier: MIT OR Apache-2.0
//! An element that has a vendor's name, properties, caps and actions, and does its work with elements
//! that are here. A property that the real one lacks is a mistake of the text here too.

use std::collections::HashMap;
use std::sync::Mutex;

use gst::glib;
use gst::prelude::*;
use shutterd::pipeline::encoders::{self, Setting, Unit};

/// What is stood in for.
pub(super) struct Sheet {
    pub(super) factory: &'static str,
    /// Where the list is from: repository and file.
    pub(super) from: &'static str,
    /// Caps of its pads; none, where it has no input.
    pub(super) sink: Option<&'static str>,
    pub(super) src: &'static str,
    /// What does the work, as gst-launch text. An encoder in it is named [`INSIDE`].
    pub(super) inside: &'static str,
    /// Those of its properties that a board file may come to want.
    pub(super) properties: fn() -> Vec<glib::ParamSpec>,
    /// The action by which it makes a keyframe, if it does not know the event.
    pub(super) action: Option<&'static str>,
}

/// The encoder in a stand-in.
pub(super) const INSIDE: &str = "inside";

/// The values that were set, serialized: they are of any type.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<String, String>>);

impl Kept {
    pub(super) fn set(&self, name: &str, value: &glib::Value) {
        self.0.lock().unwrap().insert(name.to_owned(), value.serialize().unwrap().to_string());
    }

    pub(super) fn get(&self, spec: &glib::ParamSpec) -> glib::Value {
        match self.0.lock().unwrap().get(spec.name()) {
            Some(text) => glib::Value::deserialize(text, spec.value_type()).unwrap(),
            None => spec.default_value().clone(),
        }
    }
}

impl Sheet {
    pub(super) fn templates(&self) -> Vec<gst::PadTemplate> {
        let template = |name, direction, caps: &str| {
            let caps = caps.parse::<gst::Caps>().unwrap();
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).unwrap()
        };
        let sink = self.sink.map(|caps| template("sink", gst::PadDirection::Sink, caps));
        sink.into_iter().chain([template("src", gst::PadDirection::Src, self.src)]).collect()
    }

    /// Puts the working elements into `bin`, behind pads that say what the real one's say.
    pub(super) fn build(&'static self, bin: &gst::Bin) {
        let inside = gst::parse::bin_from_description(self.inside, true).unwrap();
        bin.add(&inside).unwrap();
        for template in bin.pad_template_list() {
            let target = inside.static_pad(template.name_template()).unwrap();
            if template.direction() == gst::PadDirection::Src {
                claim(&target, template.caps());
            }
            let pad = gst::GhostPad::builder_from_template(&template)
                .event_function(move |pad, parent, event| match self.event(event) {
                    Some(event) => gst::Pad::event_default(pad, parent, event),
                    None => true,
                })
                .query_function(|pad, parent, query| {
                    answer(&pad.pad_template_caps(), query)
                        || gst::Pad::query_default(pad, parent, query)
                })
                .with_target(&target)
                .unwrap()
                .build();
            bin.add_pad(&pad).unwrap();
        }
    }

    /// As it goes on, in either direction: the working elements know no vendor's memory.
    fn event(&self, event: gst::Event) -> Option<gst::Event> {
        match event.view() {
            gst::EventView::Caps(caps) => {
                let mut plain = caps.caps_owned();
                plain.make_mut().set_features_simple(None);
                Some(gst::event::Caps::new(&plain))
            }
            gst::EventView::CustomUpstream(_) if self.action.is_some() => {
                let forces = event.structure().is_some_and(|s| s.name() == "GstForceKeyUnit");
                (!forces).then_some(event)
            }
            _ => Some(event),
        }
    }

    /// A property was set: the encoder inside follows, by the table.
    pub(super) fn follow(&self, bin: &gst::Bin, name: &str, value: &glib::Value) {
        let (Some(inside), Some(row)) = (bin.by_name(INSIDE), encoders::encoder(self.factory))
        else {
            return;
        };
        let number = |setting: Setting| match setting {
            Setting::Property(property) if property == name => {
                value.serialize().ok()?.parse::<u32>().ok()
            }
            Setting::Control(control) if name == "extra-controls" => {
                let controls = value.get::<gst::Structure>().ok()?;
                controls.get::<i32>(control).ok()?.try_into().ok()
            }
            _ => None,
        };
        if let Some(rate) = number(row.rate.0) {
            let kilobits = if row.rate.1 == Unit::Bits { rate / 1000 } else { rate };
            inside.set_property("bitrate", kilobits);
        }
        let mut periods = row.written.unwrap().period.iter().copied();
        if let Some(period) = periods.find_map(number) {
            // One has it signed, the other not.
            inside.set_property_from_str("key-int-max", &period.to_string());
        }
    }
}

/// What asks for its caps learns those of the real one.
fn answer(caps: &gst::Caps, query: &mut gst::QueryRef) -> bool {
    match query.view_mut() {
        gst::QueryViewMut::Caps(asked) => {
            let within = asked.filter().map(|filter| filter.intersect(caps));
            asked.set_result(&within.unwrap_or_else(|| caps.clone()));
        }
        gst::QueryViewMut::AcceptCaps(asked) => {
            let accepted = asked.caps().can_intersect(caps);
            asked.set_result(accepted);
        }
        _ => return false,
    }
    true
}

/// What leaves `pad` is said to be in the memory that `caps` name, if they name one.
fn claim(pad: &gst::Pad, caps: &gst::Caps) {
    let plain = gst::CAPS_FEATURE_MEMORY_SYSTEM_MEMORY;
    let Some(memory) = caps.features(0).filter(|memory| !memory.contains(plain)) else { return };
    let (memory, formats) = (memory.to_owned(), gst::Caps::new_empty_simple("video/x-raw"));
    let mask = gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::QUERY_DOWNSTREAM;
    pad.add_probe(mask, move |_, info| match &mut info.data {
        Some(gst::PadProbeData::Event(event)) => {
            if let gst::EventView::Caps(caps) = event.view() {
                let mut claimed = caps.caps_owned();
                claimed.make_mut().set_features_simple(Some(memory.clone()));
                *event = gst::event::Caps::new(&claimed);
            }
            gst::PadProbeReturn::Ok
        }
        // Those behind it would refuse what is not in their memory.
        Some(gst::PadProbeData::Query(query)) => match answer(&formats, query) {
            true => gst::PadProbeReturn::Handled,
            false => gst::PadProbeReturn::Ok,
        },
        _ => gst::PadProbeReturn::Ok,
    });
}

/// A type for each, for a type has one list of properties.
macro_rules! stand_in {
    ($module:ident, $sheet:expr) => {
        mod $module {
            use std::sync::OnceLock;

            use gst::glib;
            use gst::prelude::*;
            use gst::subclass::prelude::*;

            use super::super::standin::{Kept, Sheet};

            static SHEET: Sheet = $sheet;

            #[derive(Debug, Default)]
            pub struct Inner(Kept);

            #[glib::object_subclass]
            impl ObjectSubclass for Inner {
                const NAME: &'static str = concat!("StandIn-", stringify!($module));
                type Type = Outer;
                type ParentType = gst::Bin;
            }

            glib::wrapper! {
                pub struct Outer(ObjectSubclass<Inner>)
                    @extends gst::Bin, gst::Element, gst::Object;
            }

            impl ObjectImpl for Inner {
                fn properties() -> &'static [glib::ParamSpec] {
                    static LIST: OnceLock<Vec<glib::ParamSpec>> = OnceLock::new();
                    LIST.get_or_init(SHEET.properties)
                }

                fn signals() -> &'static [glib::subclass::Signal] {
                    static LIST: OnceLock<Vec<glib::subclass::Signal>> = OnceLock::new();
                    LIST.get_or_init(|| {
                        let action = |name| {
                            glib::subclass::Signal::builder(name)
                                .action()
                                .run_last()
                                .class_handler(|values| {
                                    let bin = values[0].get::<gst::Bin>().unwrap();
                                    super::super::standin::keyframe(&bin);
                                    None
                                })
                                .build()
                        };
                        SHEET.action.map(action).into_iter().collect()
                    })
                }

                fn set_property(&self, _: usize, value: &glib::Value, spec: &glib::ParamSpec) {
                    self.0.set(spec.name(), value);
                    SHEET.follow(self.obj().upcast_ref(), spec.name(), value);
                }

                fn property(&self, _: usize, spec: &glib::ParamSpec) -> glib::Value {
                    self.0.get(spec)
                }

                fn constructed(&self) {
                    self.parent_constructed();
                    SHEET.build(self.obj().upcast_ref());
                }
            }

            impl GstObjectImpl for Inner {}

            impl ElementImpl for Inner {
                fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
                    static ABOUT: OnceLock<gst::subclass::ElementMetadata> = OnceLock::new();
                    let about = || {
                        let (name, from) = (SHEET.factory, SHEET.from);
                        gst::subclass::ElementMetadata::new(name, "Stand-in", from, "shutterd")
                    };
                    Some(ABOUT.get_or_init(about))
                }

                fn pad_templates() -> &'static [gst::PadTemplate] {
                    static LIST: OnceLock<Vec<gst::PadTemplate>> = OnceLock::new();
                    LIST.get_or_init(|| SHEET.templates())
                }
            }

            impl BinImpl for Inner {}

            pub(super) fn register() {
                let kind = Outer::static_type();
                gst::Element::register(None, SHEET.factory, gst::Rank::NONE, kind).unwrap();
            }
        }
    };
}
pub(super) use stand_in;

/// The encoder inside makes one.
pub(super) fn keyframe(bin: &gst::Bin) {
    let inside = bin.by_name(INSIDE).unwrap();
    let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
    inside.static_pad("src").unwrap().send_event(event);
}
