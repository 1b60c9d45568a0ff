// SPDX-License-Identifier: MIT OR Apache-2.0
//! The design once more, written from its text and not from `lifecycle::steps`: what the walk holds
//! the machine against.

use shutterd::lifecycle::{CameraOpens, Plan, Role, Step, Undo, Worker};

/// What a step owes, and the order of the end, once more: this test's own copy of the design.
pub(crate) fn owes(step: Step) -> &'static [Undo] {
    match step {
        Step::CreatePeer => &[Undo::DestroyPeer],
        Step::OpenCamera => &[Undo::CloseCamera],
        Step::CreateSource => &[Undo::DestroySource, Undo::AwaitCaptureStopped],
        Step::CreateStream => &[Undo::DestroyStream],
        Step::CreateDataChannel => &[Undo::DestroyDataChannel],
        Step::EnableTracks => &[Undo::DisableTracks],
        _ => &[],
    }
}

/// What must be done before a step begins, once more: the written order, or two lanes that meet:
/// where the viewer is answered, and where its tracks are enabled.
pub(crate) fn after(step: Step, plan: &Plan) -> Vec<Step> {
    use Step::*;
    let negotiation = match plan.role() {
        Role::Offerer => [CreateOffer, AwaitAnswer, SetRemoteAnswer],
        Role::Answerer => [SetRemoteOffer, CreateAnswer, SendAnswer],
    };
    let camera = [OpenCamera, CreateSource, CreateStream];
    let peer: Vec<Step> = [CreatePeer, AddTracks, CreateDataChannel]
        .into_iter()
        .chain(negotiation)
        .chain([AddCandidates, AwaitConnected, EnableTracks])
        .collect();
    let lanes = match plan.camera_opens() {
        CameraOpens::BeforeOffer => vec![[&peer[..1], &camera, &peer[1..]].concat()],
        CameraOpens::AfterConnected => vec![[&peer[..8], &camera, &peer[8..]].concat()],
        CameraOpens::BesideNegotiation => vec![peer, camera.to_vec()],
    };
    let lane = lanes.iter().find(|lane| lane.contains(&step)).unwrap();
    let at = lane.iter().position(|other| *other == step).unwrap();
    let mut needed: Vec<Step> = lane[..at].last().copied().into_iter().collect();
    match step {
        CreateStream => needed.extend([CreatePeer, CreateSource]),
        SendAnswer if plan.camera_opens() == CameraOpens::BesideNegotiation => {
            needed.push(OpenCamera);
        }
        EnableTracks => needed.extend([AwaitConnected, CreateStream]),
        _ => {}
    }
    needed
}

pub(crate) const END: [(Undo, Worker); 7] = [
    (Undo::DisableTracks, Worker::Peer),
    (Undo::DestroySource, Worker::Camera),
    (Undo::AwaitCaptureStopped, Worker::Camera),
    (Undo::CloseCamera, Worker::Camera),
    (Undo::DestroyStream, Worker::Peer),
    (Undo::DestroyDataChannel, Worker::Peer),
    (Undo::DestroyPeer, Worker::Peer),
];

pub(crate) fn observes(undo: Undo) -> bool {
    matches!(undo, Undo::CloseCamera | Undo::DestroyPeer)
}

pub(crate) fn worker_of(undo: Undo) -> Worker {
    END.iter().find(|(u, _)| *u == undo).unwrap().1
}
