// SPDX-License-Identifier: GPL-2.0-only
/*
 * Formats, sizes, and the visible rectangle. The source's format is the one
 * that is set; what CAPTURE has follows from it.
 */

#include <linux/string.h>
#include "pcm264.h"

#define STRIDE_ALIGN	32	/* more than most pictures need, as boards have it */
#define CODED_SIZE_MAX	(4 << 20)

static const u32 sources[] = { V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV12 };

static bool is_source(u32 fourcc)
{
	return fourcc == sources[0] || fourcc == sources[1];
}

void pcm264_format_default(struct pcm264_ctx *ctx)
{
	ctx->fourcc = sources[0];
	ctx->width = 320;
	ctx->height = 240;
	ctx->stride = ALIGN(ctx->width, STRIDE_ALIGN);
	ctx->crop = (struct v4l2_rect) { .width = ctx->width, .height = ctx->height };
	ctx->coded_size = pcm264_coded_size(ctx->width, ctx->height);
	ctx->colorspace = V4L2_COLORSPACE_REC709;
	ctx->timeperframe = (struct v4l2_fract) { 1, 30 };
}

int pcm264_enum_fmt_cap(struct file *file, void *priv, struct v4l2_fmtdesc *desc)
{
	if (desc->index)
		return -EINVAL;
	desc->pixelformat = V4L2_PIX_FMT_H264;
	return 0;
}

int pcm264_enum_fmt_out(struct file *file, void *priv, struct v4l2_fmtdesc *desc)
{
	if (desc->index >= ARRAY_SIZE(sources))
		return -EINVAL;
	desc->pixelformat = sources[desc->index];
	return 0;
}

static void fill_source(struct v4l2_pix_format_mplane *pix)
{
	if (!is_source(pix->pixelformat))
		pix->pixelformat = sources[0];
	pix->width = ALIGN(clamp_t(u32, pix->width, PCM264_MIN_SIZE, PCM264_MAX_WIDTH), PCM264_STEP);
	pix->height = ALIGN(clamp_t(u32, pix->height, PCM264_MIN_SIZE, PCM264_MAX_HEIGHT), PCM264_STEP);
	pix->plane_fmt[0].bytesperline = ALIGN(pix->width, STRIDE_ALIGN);
	pix->plane_fmt[0].sizeimage = pix->plane_fmt[0].bytesperline * pix->height * 3 / 2;
}

static void fill_coded(struct pcm264_ctx *ctx, struct v4l2_pix_format_mplane *pix)
{
	u32 least = pcm264_coded_size(ctx->width, ctx->height);

	pix->pixelformat = V4L2_PIX_FMT_H264;
	pix->width = ALIGN(ctx->crop.width, PCM264_MB);
	pix->height = ALIGN(ctx->crop.height, PCM264_MB);
	pix->colorspace = ctx->colorspace;
	pix->ycbcr_enc = ctx->ycbcr_enc;
	pix->quantization = ctx->quantization;
	pix->xfer_func = ctx->xfer_func;
	pix->plane_fmt[0].bytesperline = 0;
	pix->plane_fmt[0].sizeimage = clamp_t(u32, PAGE_ALIGN(pix->plane_fmt[0].sizeimage),
					      least, CODED_SIZE_MAX);
}

int pcm264_try_fmt(struct file *file, void *priv, struct v4l2_format *format)
{
	struct v4l2_pix_format_mplane *pix = &format->fmt.pix_mp;

	pix->field = V4L2_FIELD_NONE;
	pix->flags = 0;
	pix->num_planes = 1;
	if (V4L2_TYPE_IS_OUTPUT(format->type))
		fill_source(pix);
	else
		fill_coded(pcm264_ctx_of(file), pix);
	return 0;
}

int pcm264_g_fmt(struct file *file, void *priv, struct v4l2_format *format)
{
	struct pcm264_ctx *ctx = pcm264_ctx_of(file);
	struct v4l2_pix_format_mplane *pix = &format->fmt.pix_mp;

	if (V4L2_TYPE_IS_OUTPUT(format->type)) {
		pix->pixelformat = ctx->fourcc;
		pix->width = ctx->width;
		pix->height = ctx->height;
		pix->colorspace = ctx->colorspace;
		pix->ycbcr_enc = ctx->ycbcr_enc;
		pix->quantization = ctx->quantization;
		pix->xfer_func = ctx->xfer_func;
	} else {
		pix->plane_fmt[0].sizeimage = ctx->coded_size;
	}
	return pcm264_try_fmt(file, priv, format);
}

int pcm264_s_fmt(struct file *file, void *priv, struct v4l2_format *format)
{
	struct pcm264_ctx *ctx = pcm264_ctx_of(file);
	struct v4l2_pix_format_mplane *pix = &format->fmt.pix_mp;

	/* Buffers of either queue have the size that follows from the source's format. */
	if (vb2_is_busy(v4l2_m2m_get_src_vq(ctx->fh.m2m_ctx)) ||
	    vb2_is_busy(v4l2_m2m_get_dst_vq(ctx->fh.m2m_ctx)))
		return -EBUSY;
	pcm264_try_fmt(file, priv, format);
	if (!V4L2_TYPE_IS_OUTPUT(format->type)) {
		ctx->coded_size = pix->plane_fmt[0].sizeimage;
		return 0;
	}
	ctx->fourcc = pix->pixelformat;
	ctx->width = pix->width;
	ctx->height = pix->height;
	ctx->stride = pix->plane_fmt[0].bytesperline;
	ctx->crop = (struct v4l2_rect) { .width = ctx->width, .height = ctx->height };
	ctx->coded_size = max(ctx->coded_size, pcm264_coded_size(ctx->width, ctx->height));
	ctx->colorspace = pix->colorspace;
	ctx->ycbcr_enc = pix->ycbcr_enc;
	ctx->quantization = pix->quantization;
	ctx->xfer_func = pix->xfer_func;
	return 0;
}

/* Of both formats: what is not a multiple of a macroblock is cropped in the stream. */
int pcm264_enum_framesizes(struct file *file, void *priv, struct v4l2_frmsizeenum *size)
{
	if (size->index || (size->pixel_format != V4L2_PIX_FMT_H264 && !is_source(size->pixel_format)))
		return -EINVAL;
	size->type = V4L2_FRMSIZE_TYPE_STEPWISE;
	size->stepwise = (struct v4l2_frmsize_stepwise) {
		PCM264_MIN_SIZE, PCM264_MAX_WIDTH, PCM264_STEP,
		PCM264_MIN_SIZE, PCM264_MAX_HEIGHT, PCM264_STEP,
	};
	return 0;
}

int pcm264_enum_frameintervals(struct file *file, void *priv, struct v4l2_frmivalenum *interval)
{
	if (interval->index ||
	    (interval->pixel_format != V4L2_PIX_FMT_H264 && !is_source(interval->pixel_format)) ||
	    interval->width < PCM264_MIN_SIZE || interval->width > PCM264_MAX_WIDTH ||
	    interval->height < PCM264_MIN_SIZE || interval->height > PCM264_MAX_HEIGHT ||
	    interval->width % PCM264_STEP || interval->height % PCM264_STEP)
		return -EINVAL;
	interval->type = V4L2_FRMIVAL_TYPE_CONTINUOUS;
	interval->stepwise = (struct v4l2_frmival_stepwise) { { 1, 120 }, { 1, 1 }, { 1, 1 } };
	return 0;
}

int pcm264_g_selection(struct file *file, void *priv, struct v4l2_selection *selection)
{
	struct pcm264_ctx *ctx = pcm264_ctx_of(file);

	if (selection->type != V4L2_BUF_TYPE_VIDEO_OUTPUT)
		return -EINVAL;
	switch (selection->target) {
	case V4L2_SEL_TGT_CROP:
		selection->r = ctx->crop;
		return 0;
	case V4L2_SEL_TGT_CROP_DEFAULT:
	case V4L2_SEL_TGT_CROP_BOUNDS:
		selection->r = (struct v4l2_rect) { .width = ctx->width, .height = ctx->height };
		return 0;
	}
	return -EINVAL;
}

/* To the nearest rectangle within the picture; where it begins, chroma has a sample of its own. */
int pcm264_s_selection(struct file *file, void *priv, struct v4l2_selection *selection)
{
	struct pcm264_ctx *ctx = pcm264_ctx_of(file);
	struct v4l2_rect *r = &selection->r;

	if (selection->type != V4L2_BUF_TYPE_VIDEO_OUTPUT || selection->target != V4L2_SEL_TGT_CROP)
		return -EINVAL;
	if (vb2_is_streaming(v4l2_m2m_get_dst_vq(ctx->fh.m2m_ctx)))
		return -EBUSY;
	r->width = clamp_t(u32, r->width & ~1, PCM264_MIN_SIZE, ctx->width);
	r->height = clamp_t(u32, r->height & ~1, PCM264_MIN_SIZE, ctx->height);
	r->left = clamp_t(s32, r->left, 0, ctx->width - r->width) & ~1;
	r->top = clamp_t(s32, r->top, 0, ctx->height - r->height) & ~1;
	ctx->crop = *r;
	return 0;
}
