// SPDX-License-Identifier: GPL-2.0-only
/* The two queues of a context: the source's (OUTPUT) and the stream's (CAPTURE). */

#include <media/videobuf2-vmalloc.h>
#include "pcm264.h"

static int queue_setup(struct vb2_queue *queue, unsigned int *buffers, unsigned int *planes,
		       unsigned int sizes[], struct device *alloc_devs[])
{
	struct pcm264_ctx *ctx = vb2_get_drv_priv(queue);
	unsigned int size = V4L2_TYPE_IS_OUTPUT(queue->type) ?
			    ctx->stride * ctx->height * 3 / 2 : ctx->coded_size;

	if (*planes)
		return *planes != 1 || sizes[0] < size ? -EINVAL : 0;
	*planes = 1;
	sizes[0] = size;
	return 0;
}

static int buf_out_validate(struct vb2_buffer *buffer)
{
	struct vb2_v4l2_buffer *vbuf = to_vb2_v4l2_buffer(buffer);

	if (vbuf->field == V4L2_FIELD_ANY)
		vbuf->field = V4L2_FIELD_NONE;
	return vbuf->field == V4L2_FIELD_NONE ? 0 : -EINVAL;
}

static int buf_prepare(struct vb2_buffer *buffer)
{
	struct pcm264_ctx *ctx = vb2_get_drv_priv(buffer->vb2_queue);

	if (!V4L2_TYPE_IS_OUTPUT(buffer->vb2_queue->type)) {
		vb2_set_plane_payload(buffer, 0, 0);
		return 0;
	}
	return vb2_plane_size(buffer, 0) < ctx->stride * ctx->height * 3 / 2 ? -EINVAL : 0;
}

/* The last buffer of a drain, empty. */
static void return_last(struct pcm264_ctx *ctx, struct vb2_v4l2_buffer *vbuf)
{
	vbuf->field = V4L2_FIELD_NONE;
	vbuf->sequence = ctx->stream ? ctx->stream->sequence : 0;
	pcm264_drained(ctx);
	v4l2_m2m_last_buffer_done(ctx->fh.m2m_ctx, vbuf);
}

static void buf_queue(struct vb2_buffer *buffer)
{
	struct vb2_v4l2_buffer *vbuf = to_vb2_v4l2_buffer(buffer);
	struct pcm264_ctx *ctx = vb2_get_drv_priv(buffer->vb2_queue);

	if (V4L2_TYPE_IS_CAPTURE(buffer->vb2_queue->type) &&
	    vb2_is_streaming(buffer->vb2_queue) && v4l2_m2m_dst_buf_is_last(ctx->fh.m2m_ctx)) {
		return_last(ctx, vbuf);
		return;
	}
	v4l2_m2m_buf_queue(ctx->fh.m2m_ctx, vbuf);
}

static void return_all(struct vb2_queue *queue, enum vb2_buffer_state state)
{
	struct pcm264_ctx *ctx = vb2_get_drv_priv(queue);
	struct vb2_v4l2_buffer *vbuf;

	for (;;) {
		vbuf = V4L2_TYPE_IS_OUTPUT(queue->type) ?
		       v4l2_m2m_src_buf_remove(ctx->fh.m2m_ctx) :
		       v4l2_m2m_dst_buf_remove(ctx->fh.m2m_ctx);
		if (!vbuf)
			return;
		v4l2_m2m_buf_done(vbuf, state);
	}
}

/* A stream of its own begins with CAPTURE; a source that begins again goes on with it. */
static int start_streaming(struct vb2_queue *queue, unsigned int count)
{
	struct pcm264_ctx *ctx = vb2_get_drv_priv(queue);
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	int result = 0;

	v4l2_m2m_update_start_streaming_state(m2m, queue);
	if (V4L2_TYPE_IS_OUTPUT(queue->type)) {
		if (v4l2_m2m_has_stopped(m2m)) {
			v4l2_m2m_clear_state(m2m);
			vb2_clear_last_buffer_dequeued(v4l2_m2m_get_dst_vq(m2m));
		}
		return 0;
	}
	if (!pcm264_level_holds(ctx)) {
		v4l2_err(&ctx->dev->v4l2, "%ux%u at this rate is beyond the level that was set\n",
			 ctx->crop.width, ctx->crop.height);
		result = -EINVAL;
	} else {
		ctx->stream = pcm264_stream_new(&ctx->crop);
		result = ctx->stream ? 0 : -ENOMEM;
	}
	if (result) {
		return_all(queue, VB2_BUF_STATE_QUEUED);
		return result;
	}
	v4l2_ctrl_grab(ctx->profile, true);
	v4l2_ctrl_grab(ctx->level, true);
	return 0;
}

/* No job of this context runs: v4l2-mem2mem has waited for it. */
static void stop_streaming(struct vb2_queue *queue)
{
	struct pcm264_ctx *ctx = vb2_get_drv_priv(queue);
	struct v4l2_m2m_ctx *m2m = ctx->fh.m2m_ctx;
	bool source = V4L2_TYPE_IS_OUTPUT(queue->type);

	pcm264_fault_streamoff(ctx->dev);
	/* A drain whose source stops is over. */
	if (source && m2m->is_draining && v4l2_m2m_num_dst_bufs_ready(m2m))
		pcm264_drained(ctx);
	v4l2_m2m_update_stop_streaming_state(m2m, queue);
	return_all(queue, VB2_BUF_STATE_ERROR);
	if (source)
		return;
	pcm264_stream_free(ctx->stream);
	ctx->stream = NULL;
	v4l2_ctrl_grab(ctx->profile, false);
	v4l2_ctrl_grab(ctx->level, false);
}

static const struct vb2_ops queue_ops = {
	.queue_setup		= queue_setup,
	.buf_out_validate	= buf_out_validate,
	.buf_prepare		= buf_prepare,
	.buf_queue		= buf_queue,
	.start_streaming	= start_streaming,
	.stop_streaming		= stop_streaming,
	.wait_prepare		= vb2_ops_wait_prepare,
	.wait_finish		= vb2_ops_wait_finish,
};

static int queue_init(struct pcm264_ctx *ctx, struct vb2_queue *queue, enum v4l2_buf_type type)
{
	queue->type = type;
	queue->io_modes = VB2_MMAP | VB2_DMABUF;
	queue->drv_priv = ctx;
	queue->ops = &queue_ops;
	queue->mem_ops = &vb2_vmalloc_memops;
	queue->buf_struct_size = sizeof(struct v4l2_m2m_buffer);
	queue->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_COPY;
	queue->lock = &ctx->dev->lock;
	return vb2_queue_init(queue);
}

int pcm264_queues_init(void *priv, struct vb2_queue *source, struct vb2_queue *coded)
{
	int result = queue_init(priv, source, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE);

	return result ? : queue_init(priv, coded, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE);
}
