// SPDX-License-Identifier: MIT OR Apache-2.0
// The mock's media side: a second browser page whose canvas is the camera.

/** Runs in the page: `window.device` makes and drops connections by session id. */
function install() {
  const canvas = document.createElement('canvas');
  canvas.width = 1280;
  canvas.height = 720;
  const ink = canvas.getContext('2d');
  let count = 0;
  setInterval(() => {
    count += 1;
    ink.fillStyle = '#233';
    ink.fillRect(0, 0, 1280, 720);
    for (let i = 0; i < 7; i += 1) {
      ink.fillStyle = `hsl(${i * 51 + count} 45% 45%)`;
      ink.fillRect(i * 183, 0, 183, 500);
    }
    ink.fillStyle = '#fff';
    ink.fillRect((count * 9) % 1280, 500, 40, 220);
    ink.font = '80px monospace';
    ink.fillText(String(count), 60, 640);
  }, 33);
  const stream = canvas.captureStream(30);
  const sessions = new Map();
  const gathered = (peer) => new Promise((resolve) => {
    const look = () => peer.iceGatheringState === 'complete' && resolve();
    peer.addEventListener('icegatheringstatechange', look);
    look();
  });
  const make = (id) => {
    const peer = new RTCPeerConnection();
    peer.early = []; // candidates that came before the answer
    sessions.set(id, peer);
    return peer;
  };
  window.device = {
    async answer(id, sdp) {
      const peer = make(id);
      for (const track of stream.getTracks()) peer.addTrack(track, stream);
      await peer.setRemoteDescription({ type: 'offer', sdp });
      await peer.setLocalDescription(await peer.createAnswer());
      await gathered(peer);
      return peer.localDescription.sdp;
    },
    async offer(id) {
      const peer = make(id);
      for (const track of stream.getTracks()) {
        peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
      }
      peer.createDataChannel('shutter');
      await peer.setLocalDescription(await peer.createOffer());
      await gathered(peer);
      return peer.localDescription.sdp;
    },
    async accept(id, sdp) {
      const peer = sessions.get(id);
      await peer?.setRemoteDescription({ type: 'answer', sdp });
      for (const candidate of peer?.early ?? []) await peer.addIceCandidate(candidate);
    },
    async candidate(id, candidate) {
      const peer = sessions.get(id);
      if (peer?.remoteDescription) await peer.addIceCandidate(candidate);
      else peer?.early.push(candidate);
    },
    connected: (id) => new Promise((resolve, reject) => {
      const peer = sessions.get(id);
      const look = () => {
        if (peer.connectionState === 'connected') resolve();
        if (['failed', 'closed'].includes(peer.connectionState)) reject(new Error(peer.connectionState));
      };
      peer.addEventListener('connectionstatechange', look);
      look();
    }),
    drop(id) {
      sessions.get(id)?.close();
      sessions.delete(id);
    },
  };
}

/** A page of `browser` that answers and offers like a device. */
export async function openCamera(browser, origin) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${origin}/mock-camera`);
  await page.evaluate(install);
  let open = true;
  const call = (method, ...rest) => page
    .evaluate(([name, given]) => window.device[name](...given), [method, rest])
    // What was under way when the device was switched off is lost with it, and nobody's failure.
    .catch((error) => { if (open) throw error; });
  call.close = () => {
    open = false;
    return context.close();
  };
  return call;
}
