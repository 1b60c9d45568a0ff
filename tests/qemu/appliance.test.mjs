// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The device as an appliance: systemd starts the service with the files that ship, logind puts the device to sleep, udev gives the
// service its devices, and the bus tells of its cameras.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cursor, journal, restarted, said, unit } from './appliance.mjs';
import { api, cameraWhen, closed, closingTime, ended, promised } from './service.mjs';
import { stand } from './stand.mjs';

const { guest, viewer, reopen, sessionWorks } = stand({ systemd: true });

/** A session that shows pictures. */
async function watching(role = 'whep') {
  const session = await viewer.start(role);
  await viewer.frames(3);
  return session;
}

test('the system runs, nothing has failed, and the service sees all that the oracle must see', async () => {
  const { stdout } = await guest.run('systemctl is-system-running --wait; systemctl --failed --no-legend --plain; systemd-analyze time');
  assert.match(stdout, /^running\nStartup finished/, `${stdout}${await guest.log()}`);
  console.log(stdout.split('\n')[1]);
  const { observed } = await cameraWhen(guest, (camera) => camera.observed);
  assert.equal(observed.verdict, 'closed', JSON.stringify(observed));
});

test('sessions in both roles, by the service\'s own user; no worker has the service\'s capabilities', async () => {
  for (const role of ['whep', 'websocket']) {
    const session = await watching(role);
    const [holder] = await guest.cameraHolders();
    assert.equal(holder.user, 'shutterd');
    const { stdout } = await guest.run(`
      for pid in $(pidof shutter-media shutterd); do
        echo "$(cat /proc/$pid/comm) $(sed -n 's/^CapEff:\\t//p' /proc/$pid/status) $(cat /proc/$pid/oom_score_adj)"
      done | sort -u`);
    // CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE.
    assert.equal(stdout, 'shutter-media 0000000000000000 300\nshutterd 0000000000080004 0\n');
    await viewer.stop();
    assert.ok(await closingTime(session) <= promised);
  }
  await closed(guest);
});

// Failure modes: N13.
test('logind puts the device to sleep: it sleeps when the camera is observed closed, and wakes to a service that is ready', async () => {
  for (const moment of ['running', 'starting']) {
    const since = await cursor(guest);
    const session = moment === 'running' ? await watching() : undefined;
    const starting = moment === 'starting' ? viewer.attempt('whep').catch((error) => error) : undefined;
    if (starting) await said(guest, since, /camera head: Open/);
    // The alarm wakes it; the agent's answer comes after that. Once it sleeps for longer than its watchdog waits: here the
    // kernel's clock goes on meanwhile.
    const seconds = moment === 'running' ? 30 : 12;
    const { code, stderr } = await guest.run(`rtcwake -m no -s ${seconds} && systemctl suspend`, { milliseconds: 90_000 });
    assert.equal(code, 0, stderr);
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
    console.log(`${moment}: closed ${Math.round(close - told)} ms after the sleep was announced`);
    await starting;
    const { outcome } = session ? await ended(session) : (await api('sessions')).sessions.at(-1);
    assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: 'sleep' }, []]);
    await closed(guest);
    await reopen();
    await sessionWorks();
    const { stdout } = await guest.run('systemd-inhibit --list --no-legend');
    assert.match(stdout, /shutterd.*sleep.*delay/, 'there is a lock for the next sleep');
  }
});

test('systemctl stop and restart while somebody watches: closed, in time, with success', async () => {
  await watching();
  const since = await cursor(guest);
  const { code, stderr } = await guest.run('systemctl stop shutterd.service');
  assert.equal(code, 0, stderr);
  assert.deepEqual(await guest.cameraHolders(), []);
  const { Result, ExecMainStatus, ActiveState } = await unit(guest, 'Result', 'ExecMainStatus', 'ActiveState');
  assert.deepEqual([Result, ExecMainStatus, ActiveState], ['success', '0', 'inactive']);
  const ending = await said(guest, since, /the service ends/), close = await said(guest, since, /camera head: Closed/);
  assert.ok(close.at - ending.at <= promised);
  console.log(`stop: closed ${Math.round(close.at - ending.at)} ms after SIGTERM`);
  // The control socket is systemd's: who asks meanwhile starts the service.
  const { stdout } = await guest.run('shutterctl status');
  assert.match(stdout, /^head +closed/m);
  await reopen();
  await sessionWorks();
});

test('the service is killed, or hangs: the camera closes, systemd starts it anew, and the next session works', async () => {
  for (const [signal, how] of [['KILL', 'signal'], ['STOP', 'watchdog']]) {
    await watching();
    const since = await cursor(guest);
    await restarted(guest, async (pid) => {
      await guest.run(`kill -${signal} ${pid}`);
      if (signal === 'KILL') console.log(`${how}: nobody has the camera ${await closed(guest)} ms later`);
    });
    await said(guest, since, new RegExp(`Failed with result '${how}'|Watchdog timeout`));
    await closed(guest);
    await reopen();
    await sessionWorks();
  }
});

test('memory is short: the kernel takes a worker, and the service goes on', async () => {
  const { MainPID: before } = await unit(guest, 'MainPID');
  const since = await cursor(guest);
  await guest.run('echo 1 > /proc/sys/kernel/sysrq; echo f > /proc/sysrq-trigger');
  const { text } = await said(guest, since, /Out of memory: Killed process/);
  assert.match(text, /shutter-media/);
  await sessionWorks();
  assert.equal((await unit(guest, 'MainPID')).MainPID, before);
});

test('the clock jumps while somebody watches: the session goes on, and ends in its own time', async () => {
  const session = await watching();
  await guest.run("date -s '2031-01-01 00:00:00' && sleep 1 && date -s '2026-01-01 00:00:00'");
  await viewer.frames(30);
  await viewer.stop();
  const { outcome } = await ended(session);
  assert.deepEqual([outcome.cause, outcome.unclean.filter(({ why }) => why !== 'late')], [{ kind: 'requested', by: 'viewer' }, []]);
  assert.ok(await closingTime(session) <= promised);
});

test('no network when the service starts: it starts all the same, and is reached when the network is there', async () => {
  const { code, stdout, stderr } = await guest.run(`
    ip addr del 10.77.0.2/24 dev eth0
    systemctl restart shutterd.service
    echo "$(systemctl is-active shutterd.service) $(shutterctl status | grep -c '^head')"
    ip addr add 10.77.0.2/24 dev eth0`, { milliseconds: 60_000 });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'active 1\n');
  await reopen();
  await sessionWorks();
});

test('a lens cover that udev gives to the service', async () => {
  const { code, stderr } = await guest.run(`
    modprobe -a uinput evdev
    setsid /usr/lib/testbed/input-device cover /tmp/cover 5:9 > /dev/null 2>&1 < /dev/null &
    until [ -p /tmp/cover ]; do usleep 20000; done
    udevadm settle
    stat -c '%G %a' /dev/input/event0`);
  assert.equal(code, 0, stderr);
  const session = await watching();
  await guest.run("echo '5 9 1' > /tmp/cover");
  assert.deepEqual((await ended(session)).outcome.cause, { kind: 'requested', by: 'lens-cover' });
  await closed(guest);
  await guest.run("echo '5 9 0' > /tmp/cover");
  for (let status = await api('status'); status.shut.length; status = await api(`status?after=${status.serial}`));
  await viewer.stop();
  await sessionWorks();
});

test('the bus: opened and closed in turn for whoever listens; to end sessions is not everybody\'s', async () => {
  const call = 'busctl call io.shutterd.Manager1 /io/shutterd io.shutterd.Manager1';
  await guest.run(`
    setsid busctl monitor --json=short io.shutterd.Manager1 > /tmp/bus 2>&1 < /dev/null &
    until grep -q Monitoring /tmp/bus; do usleep 20000; done`);
  const session = await watching();
  const nobody = await guest.run(`setpriv --reuid 65534 --clear-groups ${call} StopAll`);
  assert.notEqual(nobody.code, 0);
  assert.match(nobody.stderr, /[Aa]ccess denied|rejected/);
  const looked = await guest.run('setpriv --reuid 65534 --clear-groups busctl get-property io.shutterd.Manager1 /io/shutterd io.shutterd.Manager1 Cameras');
  assert.match(looked.stdout, /"head" "open" 1/, looked.stderr);
  const stopped = await guest.run(`${call} StopAll`);
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.deepEqual(await guest.cameraHolders(), [], 'answered when it is closed');
  assert.deepEqual((await ended(session)).outcome.cause, { kind: 'requested', by: 'api' });
  await viewer.stop();
  const { stdout } = await guest.run("grep -o 'Camera[OC][a-z]*' /tmp/bus; pkill busctl");
  assert.equal(stdout, 'CameraOpened\nCameraClosed\n');
});
