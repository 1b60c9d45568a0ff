// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the encoder did, to be read below debugfs in `record`, a line for each
 * figure. Writing to it sets the figures back that count; what is open and
 * what is queued is looked at when it is read.
 */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include "pcm264.h"

void pcm264_record_bitrate(struct pcm264_dev *dev, u32 bitrate)
{
	struct pcm264_record *record = &dev->record;

	mutex_lock(&dev->record_lock);
	if (record->bitrates < PCM264_BITRATES) {
		record->bitrate[record->bitrates].picture = record->pictures;
		record->bitrate[record->bitrates].bitrate = bitrate;
	}
	record->bitrates++;
	mutex_unlock(&dev->record_lock);
}

void pcm264_record_picture(struct pcm264_dev *dev, u32 bytes, bool key)
{
	mutex_lock(&dev->record_lock);
	dev->record.pictures++;
	dev->record.keyframes += key;
	dev->record.bytes += bytes;
	mutex_unlock(&dev->record_lock);
}

/* Buffers in the driver's hands are vb2's own count: it cannot miss one. */
static void show_contexts(struct seq_file *out, struct pcm264_dev *dev)
{
	unsigned int open = 0, streaming_output = 0, streaming_capture = 0, outstanding = 0;
	struct vb2_queue *source, *coded;
	struct pcm264_ctx *ctx;

	list_for_each_entry(ctx, &dev->contexts, entry) {
		source = v4l2_m2m_get_src_vq(ctx->fh.m2m_ctx);
		coded = v4l2_m2m_get_dst_vq(ctx->fh.m2m_ctx);
		open++;
		streaming_output += vb2_is_streaming(source);
		streaming_capture += vb2_is_streaming(coded);
		outstanding += atomic_read(&source->owned_by_drv_count) +
			       atomic_read(&coded->owned_by_drv_count);
	}
	seq_printf(out, "open %u\nstreaming_output %u\nstreaming_capture %u\noutstanding %u\n",
		   open, streaming_output, streaming_capture, outstanding);
}

static int record_show(struct seq_file *out, void *unused)
{
	struct pcm264_dev *dev = out->private;
	struct pcm264_record *record = &dev->record;
	u32 i;

	mutex_lock(&dev->record_lock);
	show_contexts(out, dev);
	seq_printf(out, "opened %u\npictures %u\nkeyframes %u\nforced %u\nerrors %u\n",
		   record->opened, record->pictures, record->keyframes, record->forced, record->errors);
	seq_printf(out, "imported %u\n", record->imported);
	seq_printf(out, "drains %u\ndrained %d\nbytes %llu\nbitrates %u\n",
		   record->drains, atomic_read(&dev->drained), record->bytes, record->bitrates);
	for (i = 0; i < min_t(u32, record->bitrates, PCM264_BITRATES); i++)
		seq_printf(out, "bitrate %u %u\n", record->bitrate[i].picture, record->bitrate[i].bitrate);
	mutex_unlock(&dev->record_lock);
	return 0;
}

static int record_open(struct inode *inode, struct file *file)
{
	return single_open(file, record_show, inode->i_private);
}

static ssize_t record_reset(struct file *file, const char __user *data, size_t size, loff_t *at)
{
	struct pcm264_dev *dev = file_inode(file)->i_private;

	mutex_lock(&dev->record_lock);
	memset(&dev->record, 0, sizeof(dev->record));
	atomic_set(&dev->drained, 0);
	mutex_unlock(&dev->record_lock);
	return size;
}

static const struct file_operations record_fops = {
	.owner		= THIS_MODULE,
	.open		= record_open,
	.read		= seq_read,
	.write		= record_reset,
	.llseek		= seq_lseek,
	.release	= single_release,
};

void pcm264_record_init(struct pcm264_dev *dev)
{
	mutex_init(&dev->record_lock);
	INIT_LIST_HEAD(&dev->contexts);
	debugfs_create_file("record", 0600, dev->debugfs, dev, &record_fops);
}
