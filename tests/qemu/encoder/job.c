// SPDX-License-Identifier: GPL-2.0-only
/* One job is one picture: a source buffer becomes a buffer of the stream. */

#include "pcm264.h"

/* Returns what the buffers are given back as. */
static enum vb2_buffer_state encode(struct pcm264_ctx *ctx, struct vb2_v4l2_buffer *from,
				    struct vb2_v4l2_buffer *to)
{
	struct vb2_buffer *coded = &to->vb2_buf;
	struct pcm264_source source = {
		.data = vb2_plane_vaddr(&from->vb2_buf, 0),
		.fourcc = ctx->fourcc,
		.stride = ctx->stride,
		.lines = ctx->height,
		.left = ctx->crop.left,
		.top = ctx->crop.top,
	};
	struct pcm264_settings settings;
	bool key;
	int used;

	v4l2_m2m_buf_copy_metadata(from, to, false);
	to->flags &= ~(V4L2_BUF_FLAG_KEYFRAME | V4L2_BUF_FLAG_PFRAME | V4L2_BUF_FLAG_BFRAME);
	from->sequence = to->sequence = ctx->stream->sequence++;
	if (!source.data || !vb2_plane_vaddr(coded, 0) || pcm264_fault_error(ctx->dev))
		return VB2_BUF_STATE_ERROR;
	pcm264_settings_now(ctx, &settings);
	used = pcm264_encode(ctx->stream, &settings, &source, vb2_plane_vaddr(coded, 0),
			     vb2_plane_size(coded, 0), &key);
	if (used < 0)
		return VB2_BUF_STATE_ERROR;
	to->flags |= key ? V4L2_BUF_FLAG_KEYFRAME : V4L2_BUF_FLAG_PFRAME;
	pcm264_record_picture(ctx->dev, used, key);
	if (from->vb2_buf.memory == VB2_MEMORY_DMABUF)
		pcm264_record_count(ctx->dev, imported);
	vb2_set_plane_payload(coded, 0, pcm264_fault_bytesused(ctx->dev, used, vb2_plane_size(coded, 0)));
	return VB2_BUF_STATE_DONE;
}

void pcm264_job(struct work_struct *work)
{
	struct pcm264_ctx *ctx = container_of(work, struct pcm264_ctx, job);
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	struct vb2_v4l2_buffer *from, *to;
	enum vb2_buffer_state state;
	bool last;

	if (pcm264_fault_stalled(ctx)) {
		v4l2_m2m_job_finish(ctx->dev->m2m, m2m);
		return;
	}
	from = v4l2_m2m_next_src_buf(m2m);
	to = v4l2_m2m_next_dst_buf(m2m);
	state = encode(ctx, from, to);
	if (state == VB2_BUF_STATE_ERROR)
		pcm264_record_count(ctx->dev, errors);

	spin_lock(&ctx->drain_lock);
	last = v4l2_m2m_is_last_draining_src_buf(m2m, from);
	v4l2_m2m_src_buf_remove(m2m);
	v4l2_m2m_dst_buf_remove(m2m);
	if (last) {
		to->flags |= V4L2_BUF_FLAG_LAST;
		v4l2_m2m_mark_stopped(m2m);
		pcm264_drained(ctx);
	}
	v4l2_m2m_buf_done(from, state);
	v4l2_m2m_buf_done(to, state);
	spin_unlock(&ctx->drain_lock);
	v4l2_m2m_job_finish(ctx->dev->m2m, m2m);
}

static void device_run(void *priv)
{
	struct pcm264_ctx *ctx = priv;

	WRITE_ONCE(ctx->aborting, false);
	queue_work(ctx->dev->jobs, &ctx->job);
}

/* After a drain nothing is encoded until somebody starts again. */
static int job_ready(void *priv)
{
	struct pcm264_ctx *ctx = priv;

	return !v4l2_m2m_has_stopped(ctx->fh.m2m_ctx);
}

/* The picture that is being made will be there in a moment; one that is stalled never. */
static void job_abort(void *priv)
{
	struct pcm264_ctx *ctx = priv;

	WRITE_ONCE(ctx->aborting, true);
	pcm264_fault_wake();
}

const struct v4l2_m2m_ops pcm264_m2m_ops = {
	.device_run	= device_run,
	.job_ready	= job_ready,
	.job_abort	= job_abort,
};
