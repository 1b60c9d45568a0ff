// SPDX-License-Identifier: MIT OR Apache-2.0
// The order, so that the chart shows what will run before it runs. The page lint holds this list
// against src/lifecycle/steps.rs.

const begin = [
  { step: 'create-peer', place: 'peer' },
  { step: 'open-camera', place: 'camera' },
  { step: 'create-source', place: 'camera' },
  { step: 'create-stream', place: 'camera-and-peer' },
  { step: 'add-tracks', place: 'peer' },
  { step: 'create-data-channel', place: 'peer' },
];

const connect = [
  { step: 'add-candidates', place: 'peer' },
  { step: 'await-connected', place: 'peer' },
  { step: 'enable-tracks', place: 'camera-and-peer' },
];

/** The twelve steps that start a session, by the device's role. */
export const START = {
  offerer: [
    ...begin,
    { step: 'create-offer', place: 'peer' },
    { step: 'await-answer', place: 'signalling' },
    { step: 'set-remote-answer', place: 'peer' },
    ...connect,
  ],
  answerer: [
    ...begin,
    { step: 'set-remote-offer', place: 'peer' },
    { step: 'create-answer', place: 'peer' },
    { step: 'send-answer', place: 'signalling' },
    ...connect,
  ],
};

/** The seven that end one. */
export const END = [
  { step: 'disable-tracks', place: 'peer' },
  { step: 'destroy-source', place: 'camera' },
  { step: 'await-capture-stopped', place: 'camera' },
  { step: 'close-camera', place: 'camera' },
  { step: 'destroy-stream', place: 'peer' },
  { step: 'destroy-data-channel', place: 'peer' },
  { step: 'destroy-peer', place: 'peer' },
];
