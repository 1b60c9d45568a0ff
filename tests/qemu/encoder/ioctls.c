// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls that are not about formats, and the table of all. */

#include <linux/string.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>
#include "pcm264.h"

/* To be said before the last buffer can be dequeued: then some ask whether it was. */
void pcm264_drained(struct pcm264_ctx *ctx)
{
	static const struct v4l2_event eos = { .type = V4L2_EVENT_EOS };

	atomic_inc(&ctx->dev->drained);
	v4l2_event_queue_fh(&ctx->fh, &eos);
}

static int querycap(struct file *file, void *priv, struct v4l2_capability *capability)
{
	strscpy(capability->driver, PCM264_NAME, sizeof(capability->driver));
	strscpy(capability->card, PCM264_NAME " encoder for tests", sizeof(capability->card));
	strscpy(capability->bus_info, "platform:" PCM264_NAME, sizeof(capability->bus_info));
	return 0;
}

static int g_parm(struct file *file, void *priv, struct v4l2_streamparm *parm)
{
	if (parm->type != V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE)
		return -EINVAL;
	parm->parm.output.capability = V4L2_CAP_TIMEPERFRAME;
	parm->parm.output.timeperframe = pcm264_ctx_of(file)->timeperframe;
	return 0;
}

/* Between one picture in a second and 120. */
static int s_parm(struct file *file, void *priv, struct v4l2_streamparm *parm)
{
	struct pcm264_ctx *ctx = pcm264_ctx_of(file);
	struct v4l2_fract *wanted = &parm->parm.output.timeperframe;

	if (parm->type != V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE)
		return -EINVAL;
	if (!wanted->numerator || !wanted->denominator)
		*wanted = (struct v4l2_fract) { 1, 30 };
	else if (wanted->denominator < wanted->numerator)
		*wanted = (struct v4l2_fract) { 1, 1 };
	else if (wanted->denominator > 120ULL * wanted->numerator)
		*wanted = (struct v4l2_fract) { 1, 120 };
	else if (wanted->numerator > 1001)
		/* The stream says it in 32 bits, the denominator doubled. */
		*wanted = (struct v4l2_fract) { 1, wanted->denominator / wanted->numerator };
	ctx->timeperframe = *wanted;
	return g_parm(file, priv, parm);
}

static int subscribe(struct v4l2_fh *fh, const struct v4l2_event_subscription *subscription)
{
	if (subscription->type == V4L2_EVENT_EOS)
		return v4l2_event_subscribe(fh, subscription, 0, NULL);
	return v4l2_ctrl_subscribe_event(fh, subscription);
}

static int stop(struct pcm264_ctx *ctx, struct file *file, struct v4l2_encoder_cmd *command)
{
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	int result = 0;

	if (READ_ONCE(ctx->dev->faults.keep_last)) {
		pcm264_record_count(ctx->dev, drains);
		return 0;
	}
	spin_lock(&ctx->drain_lock);
	if (m2m->is_draining) {
		result = -EBUSY;
	} else {
		/* With nothing on its way the last buffer goes at once, if there is one. */
		if (!v4l2_m2m_num_src_bufs_ready(m2m) && v4l2_m2m_num_dst_bufs_ready(m2m))
			pcm264_drained(ctx);
		result = v4l2_m2m_ioctl_encoder_cmd(file, &ctx->fh, command);
	}
	spin_unlock(&ctx->drain_lock);
	if (!result)
		pcm264_record_count(ctx->dev, drains);
	return result;
}

static int encoder_cmd(struct file *file, void *priv, struct v4l2_encoder_cmd *command)
{
	struct pcm264_ctx *ctx = pcm264_ctx_of(file);
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	int result = v4l2_m2m_ioctl_try_encoder_cmd(file, priv, command);

	/* Not an error, and nothing to drain. */
	if (result || !vb2_is_streaming(v4l2_m2m_get_src_vq(m2m)) ||
	    !vb2_is_streaming(v4l2_m2m_get_dst_vq(m2m)))
		return result;
	if (command->cmd == V4L2_ENC_CMD_STOP) {
		/* One that has ended already stays so. */
		if (v4l2_m2m_has_stopped(m2m))
			return 0;
		return stop(ctx, file, command);
	}
	result = v4l2_m2m_ioctl_encoder_cmd(file, priv, command);
	if (!result) {
		vb2_clear_last_buffer_dequeued(v4l2_m2m_get_dst_vq(m2m));
		v4l2_m2m_try_schedule(m2m);
	}
	return result;
}

const struct v4l2_ioctl_ops pcm264_ioctl_ops = {
	.vidioc_querycap		= querycap,
	.vidioc_enum_fmt_vid_cap	= pcm264_enum_fmt_cap,
	.vidioc_enum_fmt_vid_out	= pcm264_enum_fmt_out,
	.vidioc_g_fmt_vid_cap_mplane	= pcm264_g_fmt,
	.vidioc_g_fmt_vid_out_mplane	= pcm264_g_fmt,
	.vidioc_try_fmt_vid_cap_mplane	= pcm264_try_fmt,
	.vidioc_try_fmt_vid_out_mplane	= pcm264_try_fmt,
	.vidioc_s_fmt_vid_cap_mplane	= pcm264_s_fmt,
	.vidioc_s_fmt_vid_out_mplane	= pcm264_s_fmt,
	.vidioc_enum_framesizes		= pcm264_enum_framesizes,
	.vidioc_enum_frameintervals	= pcm264_enum_frameintervals,
	.vidioc_g_selection		= pcm264_g_selection,
	.vidioc_s_selection		= pcm264_s_selection,
	.vidioc_g_parm			= g_parm,
	.vidioc_s_parm			= s_parm,
	.vidioc_reqbufs			= v4l2_m2m_ioctl_reqbufs,
	.vidioc_create_bufs		= v4l2_m2m_ioctl_create_bufs,
	.vidioc_prepare_buf		= v4l2_m2m_ioctl_prepare_buf,
	.vidioc_querybuf		= v4l2_m2m_ioctl_querybuf,
	.vidioc_expbuf			= v4l2_m2m_ioctl_expbuf,
	.vidioc_qbuf			= v4l2_m2m_ioctl_qbuf,
	.vidioc_dqbuf			= v4l2_m2m_ioctl_dqbuf,
	.vidioc_streamon		= v4l2_m2m_ioctl_streamon,
	.vidioc_streamoff		= v4l2_m2m_ioctl_streamoff,
	.vidioc_try_encoder_cmd		= v4l2_m2m_ioctl_try_encoder_cmd,
	.vidioc_encoder_cmd		= encoder_cmd,
	.vidioc_subscribe_event		= subscribe,
	.vidioc_unsubscribe_event	= v4l2_event_unsubscribe,
};
