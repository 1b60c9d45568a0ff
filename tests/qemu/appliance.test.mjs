// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The device as an appliance: systemd starts the service with the files that ship, udev gives the service its devices, and the bus
// tells of its cameras. What a device may be like meanwhile: short of memory, of disk, of a network, of a camera. What ends sessions
// there is in moments.test.mjs.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cursor, said, unit } from './appliance.mjs';
import { leds } from './guest.mjs';
import { api, cameraWhen, closed, closingTime, ended, promised } from './service.mjs';
import { stand } from './stand.mjs';

const { guest, viewer, another, reopen, sessionWorks } = stand({ systemd: true, qemu: leds });

/** The service ends, `change` is done, and it starts anew. */
async function restart(change) {
  const { code, stdout, stderr } = await guest.run(`
    set -e
    systemctl stop shutterd.service
    ${change}
    systemctl start shutterd.service`, { milliseconds: 60_000 });
  assert.equal(code, 0, stderr);
  await reopen();
  return stdout;
}

/** What is said on the bus goes to /tmp/bus from now on. */
async function monitor() {
  const { code, stderr } = await guest.run(`
    setsid busctl monitor --json=short io.shutterd.Manager1 > /tmp/bus 2> /dev/null < /dev/null &
    until [ -s /tmp/bus ]; do busctl get-property io.shutterd.Manager1 /io/shutterd io.shutterd.Manager1 Version > /dev/null; done`);
  assert.equal(code, 0, stderr);
}

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
  // There is a sound card, of which the service makes no use yet, and may.
  const sound = await guest.run("stat -c '%G %a' /dev/snd/pcmC0D0c");
  assert.equal(sound.stdout, 'audio 660\n', sound.stderr);
});

test('the doctor finds the device in order, and says which board files do not fit it and why', async () => {
  const { code, stdout, stderr } = await guest.run('shutterctl doctor; echo; shutterctl doctor --json', { milliseconds: 90_000 });
  assert.equal(code, 0, stdout + stderr);
  const at = stdout.indexOf('\n{');
  console.log(stdout.slice(0, at));
  const { findings, inventory } = JSON.parse(stdout.slice(at));
  const about = (what) => {
    const found = findings.filter((finding) => finding.about === what);
    assert.equal(found.length, 1, `${what} in ${stdout}`);
    return `${found[0].level}: ${found[0].says}`;
  };
  assert.match(about('service'), /^ok: shutterd .* runs$/);
  assert.equal(about('unit'), 'ok: shutterd.service: active, watchdog 20s');
  assert.match(about('sleep'), /^ok: logind lets it wait for the cameras, up to 5s$/);
  assert.match(about('GStreamer'), /^ok: 1\.28\..*, with all that viewers need$/);
  assert.match(about('board v4l2-software'), /^ok: fits: h264, vp8$/);
  assert.match(about('board raspberry-pi-cm4'), /^note: does not fit: h264 lacks v4l2h264enc/);
  assert.match(about('camera head'), /^ok: \/dev\/video0 is closed\nvivid.*: 320x180 up to 60 a second, .*; .*YUY2, /);
  assert.deepEqual(inventory.captures.map(({ node }) => node), ['/dev/video0']);
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
  await monitor();
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

// Here a backlight's driver owns the light, and its switch plays the sensor's stream.
test('a light that its driver leaves on: the bus says that the camera is not released, until it goes out', async () => {
  const [led, stream] = ['sensor:white:indicator', '/sys/class/backlight/sensor/brightness'];
  await restart(`
    modprobe -a leds-gpio led_bl
    until [ -e ${stream} ]; do usleep 20000; done
    # As the rule that ships does for one whose name says privacy.
    chgrp shutterd /sys/class/leds/${led}/brightness
    chmod g+w /sys/class/leds/${led}/brightness
    sed -i -e '/^device = /a led = "${led}"' /etc/shutterd/shutterd.toml`);
  const { observed } = await cameraWhen(guest, (camera) => camera.observed?.led?.owner === 'kernel');
  assert.equal(observed.led.found, 'configured', JSON.stringify(observed));
  await monitor();
  const session = await watching();
  await guest.run(`echo 1 > ${stream}`);
  await viewer.stop();
  assert.deepEqual((await ended(session)).outcome.held, ['camera']);
  const { stdout } = await guest.run(`
    until grep -q FaultRaised /tmp/bus; do usleep 20000; done
    grep -c CameraClosed /tmp/bus
    busctl get-property io.shutterd.Manager1 /io/shutterd io.shutterd.Manager1 Fault
    echo 0 > ${stream}
    until grep -q CameraClosed /tmp/bus; do usleep 20000; done
    pkill busctl`);
  assert.match(stdout, /^0\n\(ss\) "camera-wedged" "[^"]*LED/, 'not said to be closed while its light is on');
  await restart("sed -i '/^led = /d' /etc/shutterd/shutterd.toml");
  await sessionWorks();
});

test('a camera that is there only after the boot', async () => {
  await restart('modprobe -r vivid');
  const { status, problem } = await viewer.attempt('whep');
  assert.deepEqual([status, problem?.code], [503, 'camera-missing'], JSON.stringify(problem));
  await guest.run('modprobe vivid n_devs=1 node_types=0x1 input_types=0x0 && udevadm settle');
  await sessionWorks();
});

test('two cameras, one of which fails for good: who watches the other one sees nothing of it', async () => {
  await restart(`
    modprobe -r vivid
    modprobe vivid n_devs=2 node_types=0x1,0x1 input_types=0x0,0x0
    udevadm settle
    cp /etc/shutterd/shutterd.toml /tmp/one.toml
    sed -n '/^\\[\\[camera/,/^$/p' /tmp/one.toml | sed -e 's/head/rear/' -e 's/video0/video1/' >> /etc/shutterd/shutterd.toml`);
  const head = await watching();
  const other = await another();
  const rear = await other.start('whep', 'h264', 'rear');
  await other.frames(3);
  // Its node goes with it; vivid would make the camera anew at once.
  const { code, stderr } = await guest.run('mv /dev/video1 /dev/gone; v4l2-ctl -d /dev/gone -c disconnect=1');
  assert.equal(code, 0, stderr);
  const deadline = Date.now() + 30_000;
  for (let { serial, cameras } = await api('cameras'); cameras[1].fault?.code !== 'camera-missing'; { serial, cameras } = await api(`cameras?after=${serial}`)) {
    assert.ok(Date.now() < deadline, JSON.stringify(cameras));
  }
  await viewer.frames(20, { since: 'now' });
  await other.stop();
  assert.deepEqual((await ended(rear)).outcome.held, []);
  assert.deepEqual(await guest.cameraHolders('/dev/video1'), []);
  await viewer.frames(20, { since: 'now' });
  assert.deepEqual((await api(`sessions/${head}`)).phase, 'running');
  await viewer.stop();
  await other.close();
  await restart('modprobe -r vivid; modprobe vivid n_devs=1 node_types=0x1 input_types=0x0; udevadm settle; cp /tmp/one.toml /etc/shutterd/shutterd.toml');
  await sessionWorks();
});

test('a disk that is full: sessions go on, the log says that they are not kept, and they are kept when there is room', async () => {
  const kept = async () => Number((await guest.run('shutterctl sessions --all | grep -c head')).stdout);
  await restart(`
    mount -t tmpfs -o size=64k,mode=0750,uid=$(id -u shutterd),gid=$(id -g shutterd) tmpfs /var/lib/shutterd
    dd if=/dev/zero of=/var/lib/shutterd/filler bs=4k 2> /dev/null || true`);
  const since = await cursor(guest);
  await sessionWorks();
  await said(guest, since, /sessions are not kept in .*No space left/);
  await guest.run('rm /var/lib/shutterd/filler');
  await sessionWorks();
  await said(guest, since, /the session journal is written again/);
  assert.ok(await kept() >= 1);
  await restart('umount /var/lib/shutterd');
});

test('a root that is read only: the service works, and says what it cannot keep', async () => {
  const since = await cursor(guest);
  await restart('mount -o remount,ro /');
  await sessionWorks();
  await said(guest, since, /sessions are not kept in .*[Rr]ead-only/);
  await restart('mount -o remount,rw /');
  await sessionWorks();
});
