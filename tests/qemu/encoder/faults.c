// SPDX-License-Identifier: GPL-2.0-only
/*
 * What drivers and their firmware have been seen to do, to be switched on
 * below debugfs, in `faults`. A waiting process sleeps uninterruptibly, as it
 * does in such drivers: SIGKILL does not end it until the fault is reset.
 */

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/wait.h>
#include "pcm264.h"

/* There is one device. Those who wait look at the flags themselves. */
static DECLARE_WAIT_QUEUE_HEAD(changed);

void pcm264_fault_wake(void)
{
	wake_up_all(&changed);
}

static int flag_get(void *flag, u64 *value)
{
	*value = READ_ONCE(*(bool *)flag);
	return 0;
}

static int flag_set(void *flag, u64 value)
{
	WRITE_ONCE(*(bool *)flag, value);
	pcm264_fault_wake();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(flag_fops, flag_get, flag_set, "%llu\n");

void pcm264_faults_init(struct pcm264_dev *dev)
{
	struct dentry *directory = debugfs_create_dir("faults", dev->debugfs);
	struct pcm264_faults *faults = &dev->faults;

	faults->bytesused_percent = 100;
	debugfs_create_file_unsafe("keep_last", 0600, directory, &faults->keep_last, &flag_fops);
	debugfs_create_file_unsafe("streamoff_stuck", 0600, directory, &faults->streamoff_stuck,
				   &flag_fops);
	debugfs_create_file_unsafe("open_busy", 0600, directory, &faults->open_busy, &flag_fops);
	debugfs_create_file_unsafe("stall", 0600, directory, &faults->stall, &flag_fops);
	debugfs_create_u32("streamoff_ms", 0600, directory, &faults->streamoff_ms);
	debugfs_create_u32("bytesused_percent", 0600, directory, &faults->bytesused_percent);
	debugfs_create_u32("errors", 0600, directory, &faults->errors);
}

/* Waits while nothing is to come back; true when the context's job is aborted meanwhile. */
bool pcm264_fault_stalled(struct pcm264_ctx *ctx)
{
	struct pcm264_dev *dev = ctx->dev;

	if (!READ_ONCE(dev->faults.stall))
		return false;
	wait_event(changed, READ_ONCE(ctx->aborting) || !READ_ONCE(dev->faults.stall));
	return READ_ONCE(ctx->aborting);
}

/* Jobs run one at a time, so none but a writer to debugfs changes the count meanwhile. */
bool pcm264_fault_error(struct pcm264_dev *dev)
{
	if (!READ_ONCE(dev->faults.errors))
		return false;
	dev->faults.errors--;
	return true;
}

u32 pcm264_fault_bytesused(struct pcm264_dev *dev, u32 bytesused, u32 room)
{
	u64 said = (u64)bytesused * READ_ONCE(dev->faults.bytesused_percent) / 100;

	return min_t(u64, said, room);
}

void pcm264_fault_streamoff(struct pcm264_dev *dev)
{
	u32 slow = READ_ONCE(dev->faults.streamoff_ms);

	if (slow)
		msleep(slow);
	wait_event(changed, !READ_ONCE(dev->faults.streamoff_stuck));
}
