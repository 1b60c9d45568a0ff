// SPDX-License-Identifier: MIT OR Apache-2.0
//! One session's order: the table of `steps`, with the configuration's choices applied.

use serde::{Deserialize, Serialize};

use super::steps::Step;

/// Who writes the first session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The device offers (WebSocket).
    Offerer,
    /// The viewer offers (WHEP).
    Answerer,
}

/// When the camera opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraOpens {
    /// Second step, as in the list: a viewer is answered once there is a picture.
    BeforeOffer,
    /// At once, beside the negotiation, of which only the answer to a viewer's offer waits for it to be
    /// open: so a camera that is busy or missing is said there.
    #[default]
    BesideNegotiation,
    /// After `await-connected`: the indicator stays dark until a viewer is really there.
    AfterConnected,
}

impl CameraOpens {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::BeforeOffer, Self::BesideNegotiation, Self::AfterConnected];

    /// Whether descriptions are written without waiting for the encoder: from what the board
    /// promises of it.
    pub fn needs_promise(self) -> bool {
        self != Self::BeforeOffer
    }
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Working through the start table.
    Starting,
    /// All twelve steps are done.
    Running,
    /// Working through the end table.
    Stopping,
    /// Nothing is owed any more.
    Ended,
}

/// The order in which one session starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    role: Role,
    camera_opens: CameraOpens,
    order: Vec<Step>,
    /// Within a lane each step waits for the one before it; lanes run beside each other.
    lanes: Vec<Vec<Step>>,
}

impl Plan {
    /// The order for `role`, with the camera opened as `camera_opens` says.
    pub fn new(role: Role, camera_opens: CameraOpens) -> Self {
        use Step::*;
        let negotiation = match role {
            Role::Offerer => [CreateOffer, AwaitAnswer, SetRemoteAnswer],
            Role::Answerer => [SetRemoteOffer, CreateAnswer, SendAnswer],
        };
        let camera = [OpenCamera, CreateSource, CreateStream];
        let mut order = vec![CreatePeer];
        if camera_opens != CameraOpens::AfterConnected {
            order.extend(camera);
        }
        order.extend([AddTracks, CreateDataChannel]);
        order.extend(negotiation);
        order.extend([AddCandidates, AwaitConnected]);
        if camera_opens == CameraOpens::AfterConnected {
            order.extend(camera);
        }
        order.push(EnableTracks);
        let lanes = match camera_opens {
            CameraOpens::BesideNegotiation => {
                let (camera, negotiation) = order.iter().partition(|step| camera.contains(step));
                vec![negotiation, camera]
            }
            _ => vec![order.clone()],
        };
        Self { role, camera_opens, order, lanes }
    }

    /// The twelve steps in the order in which they run; with two lanes, one of the orders in which
    /// they may.
    pub fn order(&self) -> &[Step] {
        &self.order
    }

    /// The steps that may begin now: the next of each lane, once all that it depends on is done.
    pub fn ready(&self, done: &[Step], in_progress: &[Step]) -> Vec<Step> {
        let next_of = |lane: &Vec<Step>| {
            let begun = |step: &Step| done.contains(step) || in_progress.contains(step);
            let next = lane.iter().position(|step| !begun(step))?;
            let mut needed = self.dependencies(lane[next]);
            needed.extend(&lane[..next]);
            needed.iter().all(|step| done.contains(step)).then_some(lane[next])
        };
        self.lanes.iter().filter_map(next_of).collect()
    }

    /// Who offers.
    pub fn role(&self) -> Role {
        self.role
    }

    /// When the camera opens.
    pub fn camera_opens(&self) -> CameraOpens {
        self.camera_opens
    }

    /// The steps of this plan that `step` truly depends on.
    pub fn dependencies(&self, step: Step) -> Vec<Step> {
        let row = step.row();
        let mut after = row.after.to_vec();
        if row.needs_caps && !self.camera_opens.needs_promise() {
            after.push(Step::CreateStream);
        }
        match (step, self.role) {
            // They come with the answer. webrtcbin keeps those that come before the description they
            // belong to (docs/order.md).
            (Step::AddCandidates, Role::Offerer) => after.push(Step::AwaitAnswer),
            (Step::AwaitConnected, Role::Offerer) => after.push(Step::SetRemoteAnswer),
            // Nobody connects to an answer that was not sent.
            (Step::AwaitConnected, Role::Answerer) => after.push(Step::SendAnswer),
            // What it is answered with depends on the camera; that there is a picture does not.
            (Step::SendAnswer, _) if self.camera_opens == CameraOpens::BesideNegotiation => {
                after.push(Step::OpenCamera);
            }
            _ => {}
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_plan() -> impl Iterator<Item = Plan> {
        [Role::Offerer, Role::Answerer]
            .into_iter()
            .flat_map(|role| CameraOpens::ALL.map(|camera_opens| Plan::new(role, camera_opens)))
    }

    #[test]
    fn every_order_has_twelve_steps_and_keeps_the_dependencies() {
        for plan in every_plan() {
            assert_eq!(plan.order().len(), 12);
            for (i, step) in plan.order().iter().enumerate() {
                for needed in plan.dependencies(*step) {
                    assert!(plan.order()[..i].contains(&needed), "{step} needs {needed}: {plan:?}");
                }
            }
        }
    }

    #[test]
    fn every_plan_comes_to_its_last_step_whichever_lane_is_slow() {
        for plan in every_plan() {
            for slow in plan.order() {
                let (mut done, mut in_progress) = (Vec::new(), Vec::new());
                while done.len() < 12 {
                    in_progress.extend(plan.ready(&done, &in_progress));
                    assert!(!in_progress.is_empty(), "{plan:?} is stuck after {done:?}");
                    let at = in_progress.iter().position(|step| step != slow).unwrap_or(0);
                    done.push(in_progress.remove(at));
                }
                assert_eq!(done.last(), Some(&Step::EnableTracks));
            }
        }
    }

    #[test]
    fn the_default_order_is_the_written_one() {
        for role in [Role::Offerer, Role::Answerer] {
            let plan = Plan::new(role, CameraOpens::default());
            let numbers: Vec<u8> = plan.order().iter().map(|s| s.row().number).collect();
            assert_eq!(numbers, (1..=12).collect::<Vec<u8>>());
        }
    }
}
