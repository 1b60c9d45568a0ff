// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What happens to the device, at each moment of a session: the camera is observed closed within the bound, the cause is known,
// and the next session starts. `README=1` puts the times into README. The service is that in which faults can be planted: its end
// is made longer, so that there is time to be in it.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { cursor, journal, restarted, said } from './appliance.mjs';
import { cameraHolders } from './guest.mjs';
import { KEY, SW, cover, plug, privacy, put, saying, worn } from './inputs.mjs';
import { api, cameraWhen, ended, origin, promised } from './service.mjs';
import { putIntoReadme } from '../readme.mjs';
import { stand } from './stand.mjs';

/** Of the service's unit, in seconds. */
const watchdog = 20;
const { guest, viewer, reopen, sessionWorks } = stand({ systemd: true, product: 'faults' }, async (device) => {
  await plug(device, 'board', `${SW}:${cover}`, `${SW}:${worn}`, `${KEY}:${privacy}`);
  await put(device, 'board', SW, worn, 1);
  await restarted(device, async () => {
    const { code, stderr } = await device.run(`
      set -e
      mkdir -p /etc/shutterd/conf.d
      cat > /etc/shutterd/conf.d/board.toml <<'toml'
[[switch]]
name = "cover"
means = "lens-cover"
[[switch]]
name = "temple"
means = "worn"
event = "SW_TABLET_MODE"
delay = "100ms"
[[switch]]
name = "button"
means = "privacy"
event = "KEY_${privacy}"
shut = "toggle"
toml
      systemctl restart shutterd.service`, { milliseconds: 60_000 });
    assert.equal(code, 0, stderr);
  });
});

async function plant(...faults) {
  const response = await fetch(`${origin}/api/v1/faults`, {
    method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(faults),
  });
  assert.equal(response.status, 200, await response.text());
}

async function phase(session, wanted) {
  for (let now = await api(`sessions/${session}`); now.phase !== wanted; now = await api(`sessions/${session}?after=${now.serial}`)) {
    assert.notEqual(now.phase, 'ended', JSON.stringify(now));
  }
}

/** Each leaves a session at its moment, with the camera open. */
const moments = {
  async starting() {
    const session = await viewer.offered();
    await cameraWhen(guest, ({ state }) => state === 'open');
    return session;
  },
  async running() {
    const session = await viewer.start('whep');
    await viewer.frames(3);
    return session;
  },
  async stopping() {
    const session = await moments.running();
    await plant({ place: 'camera', step: 'close-camera', when: 'before', what: { slow: 700 } },
      { place: 'camera', step: 'destroy-source', when: 'before', what: { slow: 700 } });
    viewer.stop().catch(() => {}); // the service may go before it has answered
    await phase(session, 'stopping');
    return session;
  },
};

const workers = (role) => `for pid in $(pidof shutter-media); do if grep -qw ${role} /proc/$pid/cmdline; then kill -KILL $pid; fi; done`;
const toggle = `${saying('board', KEY, privacy, 1)}; ${saying('board', KEY, privacy, 0)}`;

/**
 * What happens. `act`, or what it gives for the service's process, is done in the device; `by` is the cause of a session that was not
 * being stopped already; `back` makes the device as it was. `gone`: the service's process ends, so that its word on the session is
 * not to be had. `late`: the bound begins that many milliseconds later.
 */
const events = [
  { what: 'the lens cover is shut', by: 'lens-cover', act: saying('board', SW, cover, 1), back: saying('board', SW, cover, 0) },
  { what: 'the privacy key is pressed', by: 'privacy-switch', act: toggle, back: toggle },
  { what: 'the headset is taken off (100 ms of delay)', by: 'doffed', act: saying('board', SW, worn, 0), back: saying('board', SW, worn, 1) },
  { what: '`shutterctl stop --all`', by: 'api', act: 'shutterctl stop --all &' },
  { what: '`systemctl stop`', gone: true, act: 'systemctl stop --no-block shutterd.service', back: 'systemctl start shutterd.service' },
  { what: 'SIGKILL to the service', gone: true, act: (pid) => `kill -KILL ${pid}` },
  { what: `the service hangs (its watchdog waits ${watchdog} s)`, gone: true, late: watchdog * 1000, act: (pid) => `kill -STOP ${pid}` },
  { what: 'SIGKILL to the peer workers', lost: 'peer', act: workers('peer') },
];

const table = new Map();
const record = (what, moment, milliseconds) => {
  table.set(what, { ...table.get(what), [moment]: Math.round(milliseconds) });
  console.log(`${what}, ${moment}: camera observed closed ${Math.round(milliseconds)} ms after it`);
};
after(async () => {
  const names = Object.keys(moments);
  const rows = [...table].map(([what, times]) => `| ${what} | ${names.map((moment) => times[moment] ?? '–').join(' | ')} |`);
  const text = `| what happens | ${names.join(' | ')} |\n|---|---|---|---|\n${rows.join('\n')}`;
  console.log(text);
  if (process.env.README) await putIntoReadme('moments', text);
});

/**
 * Does `act` in the device; resolves with the milliseconds until nobody there has the camera open. Who has it is looked at often, and
 * everybody else once at the end: looking at every process again and again would be most of what the device does.
 */
async function closing(act) {
  const { code, stdout, stderr } = await guest.run(`
    holders=$(${cameraHolders()})
    [ -n "$holders" ] || { echo 'the camera is not open' >&2; exit 1; }
    descriptors=$(echo "$holders" | sed 's|^\\([0-9]*\\) .*|/proc/\\1/fd|')
    read -r began idle < /proc/uptime
    { ${act}
    } >&2 # what goes on in the background may speak last
    while [ -n "$(find $descriptors -lname /dev/video0 2> /dev/null)" ]; do usleep 20000; done
    read -r ended idle < /proc/uptime
    [ -z "$(${cameraHolders()})" ] || { echo 'somebody else has the camera open now' >&2; exit 1; }
    echo "$began $ended"`, { milliseconds: 60_000 });
  assert.equal(code, 0, stderr);
  const [began, over] = stdout.trim().split(' ').map(Number);
  return (over - began) * 1000;
}

/** A session works again. */
async function settles() {
  for (let status = await api('status'); status.shut.length; status = await api(`status?after=${status.serial}`));
  await plant();
  await sessionWorks();
}

/** What the service says of a session that ended at `moment`. */
async function endedBy(session, moment, by) {
  const { outcome } = await ended(session);
  assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: moment === 'stopping' ? 'viewer' : by }, []]);
}

for (const { what, by, act, back, gone, lost, late = 0 } of events) {
  for (const [moment, begin] of Object.entries(moments)) {
    test(`${what}: ${moment}`, async () => {
      let session, took;
      const measure = async (pid) => {
        session = await begin();
        took = await closing(typeof act === 'function' ? act(pid) : act);
      };
      await (gone && !back ? restarted(guest, measure) : measure());
      if (back) await guest.run(back, { milliseconds: 60_000 });
      assert.ok(took <= promised + late, `${took} ms`);
      record(what, moment, took);
      if (lost && moment !== 'stopping') {
        const { outcome: { cause, held } } = await ended(session);
        assert.deepEqual([cause.fault?.code, held], ['worker-gone', []], JSON.stringify(cause));
      } else if (!gone) {
        await endedBy(session, moment, by);
      }
      if (gone) await reopen();
      await settles();
    });
  }
}

// Failure modes: N13.
for (const [moment, begin] of Object.entries(moments)) {
  test(`logind puts the device to sleep: it sleeps when the camera is observed closed, and wakes to a service that is ready, ${moment}`, async () => {
    const since = await cursor(guest);
    // The alarm wakes it. Once that is after longer than its watchdog waits: here the kernel's clock goes on meanwhile.
    const { code, stderr } = await guest.run(`rtcwake -m no -s ${moment === 'running' ? watchdog + 12 : 15}`);
    assert.equal(code, 0, stderr);
    const session = await begin();
    await guest.run('systemctl suspend', { milliseconds: 90_000 });
    await said(guest, since, /the device is awake/, 90_000);
    const entries = await journal(guest, since);
    const at = (pattern) => {
      const found = entries.find(({ text }) => pattern.test(text));
      assert.ok(found, `${pattern} in ${entries.map(({ text }) => text).join('\n')}`);
      return found.at;
    };
    const told = at(/the device is about to sleep/), close = entries.findLast(({ text }) => /camera head: Closed/.test(text)).at;
    assert.ok(told < close && close < at(/PM: suspend entry/), 'closed before it sleeps');
    assert.ok(close - told <= promised, `${close - told} ms`);
    record('the device is about to sleep', moment, close - told);
    await endedBy(session, moment, 'sleep');
    await settles();
    const { stdout } = await guest.run('systemd-inhibit --list --no-legend');
    assert.match(stdout, /shutterd.*sleep.*delay/, 'there is a lock for the next sleep');
  });
}

for (const [moment, begin] of Object.entries(moments)) {
  test(`the device is switched off: ${moment}`, async () => {
    if (guest.isOff) {
      await guest.boot();
      await reopen();
    }
    await begin();
    await guest.run(`
      cat > /tmp/witness <<'sh'
        read -r began idle < /proc/uptime
        systemctl poweroff
        while [ -n "$(${cameraHolders()})" ]; do usleep 20000; done
        read -r ended idle < /proc/uptime
        echo "witness: closed $began $ended" > /dev/console
sh
      setsid sh /tmp/witness > /dev/null 2>&1 < /dev/null &`);
    const [, began, over] = await guest.serial(/witness: closed ([\d.]+) ([\d.]+)/, { milliseconds: 60_000 });
    const took = (over - began) * 1000;
    assert.ok(took <= promised, `${took} ms`);
    record('the device is switched off', moment, took);
    await guest.off();
  });
}
