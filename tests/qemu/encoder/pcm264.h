/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pcm264: a memory-to-memory stateful video encoder (H.264) without hardware,
 * so that what drives such encoders can be tested where there is none.
 *
 * Towards user space it is the kernel's "Memory-to-memory Stateful Video
 * Encoder Interface" to the letter, with the multi-planar API and the controls
 * that boards have. The stream is constrained baseline: a keyframe is I_PCM
 * macroblocks only, any other picture I_PCM where the bit rate allows it and
 * P_Skip elsewhere. So every decoder has exactly the samples that were sent.
 *
 * What it did can be read below debugfs (record.c), and it can be told to
 * misbehave (faults.c).
 */
#ifndef PCM264_H
#define PCM264_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-device.h>
#include <media/v4l2-fh.h>
#include <media/v4l2-mem2mem.h>

#define PCM264_NAME		"pcm264"
#define PCM264_MIN_SIZE		16
#define PCM264_MAX_WIDTH	640
#define PCM264_MAX_HEIGHT	480
/* In a multiple of this chroma has whole samples, and SPS cropping whole units. */
#define PCM264_STEP		2
#define PCM264_MB		16
#define PCM264_MB_LUMA		(PCM264_MB * PCM264_MB)
#define PCM264_MB_CHROMA	(PCM264_MB_LUMA / 4)
#define PCM264_MB_BYTES		(PCM264_MB_LUMA + 2 * PCM264_MB_CHROMA)
#define PCM264_BITRATES		256

/* Switched below debugfs; each is nothing when zero, but bytesused_percent. */
struct pcm264_faults {
	bool	keep_last;		/* a drain never ends */
	bool	streamoff_stuck;	/* STREAMOFF sleeps until this is reset */
	u32	streamoff_ms;		/* STREAMOFF takes that long */
	bool	open_busy;		/* open() fails with EBUSY */
	u32	bytesused_percent;	/* of the true value; 100 is no fault */
	u32	errors;			/* that many pictures fail */
	bool	stall;			/* nothing comes back any more */
};

/* What has happened since the module was loaded, or the record was reset. */
struct pcm264_record {
	u32	opened;
	u32	pictures;
	u32	keyframes;
	u32	forced;
	u32	errors;
	u32	imported;		/* pictures in somebody else's memory */
	u32	drains;
	u64	bytes;
	u32	bitrates;		/* how many were set; the first are kept */
	struct { u32 picture, bitrate; } bitrate[PCM264_BITRATES];
};

struct pcm264_dev {
	struct v4l2_device	v4l2;
	struct video_device	video;
	struct v4l2_m2m_dev	*m2m;
	/* Ordered: as in hardware, one picture at a time, of all contexts. */
	struct workqueue_struct	*jobs;
	/* Serialises ioctls, queues included, and release. */
	struct mutex		lock;

	struct dentry		*debugfs;
	struct pcm264_faults	faults;

	atomic_t		drained;	/* of the record, counted where none may sleep */
	/* Of the two below; never held while anything is waited for. */
	struct mutex		record_lock;
	struct pcm264_record	record;
	struct list_head	contexts;
};

/* One macroblock of the picture to be. */
struct pcm264_mb {
	u64	waiting;	/* difference not sent, summed up over pictures */
	bool	send;
};

/* The account of bits; see rate.c. */
struct pcm264_rate {
	s64	credit;
	s64	debt;
};

/* From STREAMON to STREAMOFF of CAPTURE. */
struct pcm264_stream {
	unsigned int		width, height;		/* visible */
	unsigned int		mbs_x, mbs_y;
	u8			*input;			/* I420 of the coded size */
	u8			*reference;		/* what a decoder has */
	struct pcm264_mb	*mbs;
	u32			*order;			/* rate.c's, for sorting */
	struct pcm264_rate	rate;
	bool			begun;
	u32			since_key;
	u8			frame_num;
	u8			idr_pic_id;
	u32			sequence;
};

/* What the controls say for one picture. */
struct pcm264_settings {
	u32			bitrate;
	bool			constant;
	u32			gop;
	bool			repeat_headers;
	bool			force_key;
	bool			constrained;
	u8			level_idc;
	struct v4l2_fract	timeperframe;
};

/* Where samples are in a source buffer. */
struct pcm264_source {
	const u8	*data;
	u32		fourcc;
	unsigned int	stride, lines;	/* of the buffer's luma */
	unsigned int	left, top;	/* of the visible rectangle */
};

struct pcm264_ctx {
	struct v4l2_fh		fh;
	struct pcm264_dev	*dev;
	struct list_head	entry;
	struct work_struct	job;

	/*
	 * A drain begins with the last source buffer there is: that one must
	 * not leave its queue between being asked about and being removed.
	 */
	spinlock_t		drain_lock;
	bool			aborting;

	/* The source's format, and what follows for CAPTURE. */
	u32			fourcc;
	unsigned int		width, height;
	unsigned int		stride;
	struct v4l2_rect	crop;
	u32			coded_size;
	u32			colorspace, ycbcr_enc, quantization, xfer_func;
	struct v4l2_fract	timeperframe;

	struct v4l2_ctrl_handler ctrls;
	struct v4l2_ctrl	*bitrate, *bitrate_mode, *gop, *i_period;
	struct v4l2_ctrl	*repeat_headers, *profile, *level;
	bool			force_key;

	struct pcm264_stream	*stream;
};

static inline struct pcm264_ctx *pcm264_ctx_of(struct file *file)
{
	return container_of(file->private_data, struct pcm264_ctx, fh);
}

/* Bits of a NAL unit, emulation prevention included; see bits.c. */
struct pcm264_bits {
	u8		*data;
	size_t		size, used;
	unsigned int	zeros;		/* zero bytes at the end of the unit */
	unsigned int	held, count;	/* bits of the byte to come */
	bool		overflow;
};

void pcm264_nal_begin(struct pcm264_bits *bits, u8 header);
void pcm264_nal_end(struct pcm264_bits *bits);
void pcm264_put(struct pcm264_bits *bits, u32 value, unsigned int count);
void pcm264_ue(struct pcm264_bits *bits, u32 value);
void pcm264_align(struct pcm264_bits *bits);
void pcm264_bytes(struct pcm264_bits *bits, const u8 *data, unsigned int count);

/* syntax.c */
void pcm264_headers(struct pcm264_bits *bits, const struct pcm264_stream *stream,
		    const struct pcm264_settings *settings);
void pcm264_slice(struct pcm264_bits *bits, const struct pcm264_stream *stream, bool key);

/* picture.c */
struct pcm264_stream *pcm264_stream_new(const struct v4l2_rect *visible);
void pcm264_stream_free(struct pcm264_stream *stream);
int pcm264_encode(struct pcm264_stream *stream, const struct pcm264_settings *settings,
		  const struct pcm264_source *source, u8 *data, size_t size, bool *key);
u32 pcm264_coded_size(unsigned int width, unsigned int height);

/* rate.c */
void pcm264_rate_key(struct pcm264_rate *rate, const struct pcm264_settings *settings,
		     size_t bytes);
void pcm264_rate_select(struct pcm264_stream *stream, const struct pcm264_settings *settings);
void pcm264_rate_spent(struct pcm264_rate *rate, size_t bytes);

/* controls.c */
int pcm264_controls_init(struct pcm264_ctx *ctx);
void pcm264_settings_now(struct pcm264_ctx *ctx, struct pcm264_settings *settings);
bool pcm264_level_holds(struct pcm264_ctx *ctx);

/* formats.c */
void pcm264_format_default(struct pcm264_ctx *ctx);
int pcm264_enum_fmt_cap(struct file *file, void *priv, struct v4l2_fmtdesc *desc);
int pcm264_enum_fmt_out(struct file *file, void *priv, struct v4l2_fmtdesc *desc);
int pcm264_g_fmt(struct file *file, void *priv, struct v4l2_format *format);
int pcm264_try_fmt(struct file *file, void *priv, struct v4l2_format *format);
int pcm264_s_fmt(struct file *file, void *priv, struct v4l2_format *format);
int pcm264_enum_framesizes(struct file *file, void *priv, struct v4l2_frmsizeenum *size);
int pcm264_enum_frameintervals(struct file *file, void *priv, struct v4l2_frmivalenum *interval);
int pcm264_g_selection(struct file *file, void *priv, struct v4l2_selection *selection);
int pcm264_s_selection(struct file *file, void *priv, struct v4l2_selection *selection);

/* ioctls.c, queues.c, job.c */
extern const struct v4l2_ioctl_ops pcm264_ioctl_ops;
void pcm264_drained(struct pcm264_ctx *ctx);
extern const struct v4l2_m2m_ops pcm264_m2m_ops;
int pcm264_queues_init(void *priv, struct vb2_queue *source, struct vb2_queue *coded);
void pcm264_job(struct work_struct *work);

/* faults.c */
void pcm264_faults_init(struct pcm264_dev *dev);
void pcm264_fault_wake(void);
bool pcm264_fault_stalled(struct pcm264_ctx *ctx);
bool pcm264_fault_error(struct pcm264_dev *dev);
u32 pcm264_fault_bytesused(struct pcm264_dev *dev, u32 bytesused, u32 room);
void pcm264_fault_streamoff(struct pcm264_dev *dev);

/* record.c */
void pcm264_record_init(struct pcm264_dev *dev);
void pcm264_record_bitrate(struct pcm264_dev *dev, u32 bitrate);
void pcm264_record_picture(struct pcm264_dev *dev, u32 bytes, bool key);
#define pcm264_record_count(dev, what) do {		\
	mutex_lock(&(dev)->record_lock);		\
	(dev)->record.what++;				\
	mutex_unlock(&(dev)->record_lock);		\
} while (0)

#endif
