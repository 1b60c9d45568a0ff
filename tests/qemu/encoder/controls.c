// SPDX-License-Identifier: GPL-2.0-only
/* The controls, and what they say for one picture. */

#include "pcm264.h"

#define RATE_MIN	16000
#define RATE_MAX	100000000
#define RATE_DEFAULT	10000000
#define GOP_DEFAULT	120
#define GOP_MAX		65535

/* Table A-1: macroblocks in a second and in a frame. Level 1b is left out. */
static const struct {
	u8	menu, idc;
	u32	in_second, in_frame;
} levels[] = {
	{ V4L2_MPEG_VIDEO_H264_LEVEL_1_0, 10, 1485, 99 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_1_1, 11, 3000, 396 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_1_2, 12, 6000, 396 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_1_3, 13, 11880, 396 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_2_0, 20, 11880, 396 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_2_1, 21, 19800, 792 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_2_2, 22, 20250, 1620 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_3_0, 30, 40500, 1620 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_3_1, 31, 108000, 3600 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_3_2, 32, 216000, 5120 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_4_0, 40, 245760, 8192 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_4_1, 41, 245760, 8192 },
	{ V4L2_MPEG_VIDEO_H264_LEVEL_4_2, 42, 522240, 8704 },
};

static unsigned int level_of(s32 menu)
{
	unsigned int i = ARRAY_SIZE(levels) - 1;

	while (i && levels[i].menu != menu)
		i--;
	return i;
}

static int s_ctrl(struct v4l2_ctrl *ctrl)
{
	struct pcm264_ctx *ctx = container_of(ctrl->handler, struct pcm264_ctx, ctrls);

	switch (ctrl->id) {
	case V4L2_CID_MPEG_VIDEO_BITRATE:
		pcm264_record_bitrate(ctx->dev, ctrl->val);
		break;
	case V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME:
		WRITE_ONCE(ctx->force_key, true);
		pcm264_record_count(ctx->dev, forced);
		break;
	}
	return 0;
}

static const struct v4l2_ctrl_ops ops = {
	.s_ctrl = s_ctrl,
};

int pcm264_controls_init(struct pcm264_ctx *ctx)
{
	struct v4l2_ctrl_handler *handler = &ctx->ctrls;
	u32 other_levels = ~0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(levels); i++)
		other_levels &= ~BIT(levels[i].menu);

	v4l2_ctrl_handler_init(handler, 11);
	ctx->bitrate = v4l2_ctrl_new_std(handler, &ops, V4L2_CID_MPEG_VIDEO_BITRATE,
					 RATE_MIN, RATE_MAX, 1, RATE_DEFAULT);
	ctx->bitrate_mode = v4l2_ctrl_new_std_menu(handler, &ops, V4L2_CID_MPEG_VIDEO_BITRATE_MODE,
						   V4L2_MPEG_VIDEO_BITRATE_MODE_CBR, 0,
						   V4L2_MPEG_VIDEO_BITRATE_MODE_CBR);
	/* Two names of one thing, as boards have them; the shorter counts, and zero does not. */
	ctx->gop = v4l2_ctrl_new_std(handler, &ops, V4L2_CID_MPEG_VIDEO_GOP_SIZE,
				     0, GOP_MAX, 1, GOP_DEFAULT);
	ctx->i_period = v4l2_ctrl_new_std(handler, &ops, V4L2_CID_MPEG_VIDEO_H264_I_PERIOD,
					  0, GOP_MAX, 1, 0);
	ctx->repeat_headers = v4l2_ctrl_new_std(handler, &ops,
						V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 0, 1, 1, 0);
	v4l2_ctrl_new_std_menu(handler, &ops, V4L2_CID_MPEG_VIDEO_HEADER_MODE,
			       V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME,
			       BIT(V4L2_MPEG_VIDEO_HEADER_MODE_SEPARATE),
			       V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME);
	ctx->profile = v4l2_ctrl_new_std_menu(handler, &ops, V4L2_CID_MPEG_VIDEO_H264_PROFILE,
					      V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE, 0,
					      V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE);
	ctx->level = v4l2_ctrl_new_std_menu(handler, &ops, V4L2_CID_MPEG_VIDEO_H264_LEVEL,
					    V4L2_MPEG_VIDEO_H264_LEVEL_4_2, other_levels,
					    V4L2_MPEG_VIDEO_H264_LEVEL_4_0);
	v4l2_ctrl_new_std(handler, &ops, V4L2_CID_MPEG_VIDEO_B_FRAMES, 0, 0, 1, 0);
	v4l2_ctrl_new_std(handler, &ops, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 0, 0, 0, 0);
	v4l2_ctrl_new_std(handler, &ops, V4L2_CID_MIN_BUFFERS_FOR_OUTPUT, 1, 1, 1, 1);
	return handler->error;
}

void pcm264_settings_now(struct pcm264_ctx *ctx, struct pcm264_settings *settings)
{
	u32 gop = v4l2_ctrl_g_ctrl(ctx->gop), i_period = v4l2_ctrl_g_ctrl(ctx->i_period);

	*settings = (struct pcm264_settings) {
		.bitrate = v4l2_ctrl_g_ctrl(ctx->bitrate),
		.constant = v4l2_ctrl_g_ctrl(ctx->bitrate_mode) == V4L2_MPEG_VIDEO_BITRATE_MODE_CBR,
		.gop = min_not_zero(gop, i_period) ? : U32_MAX,
		.repeat_headers = v4l2_ctrl_g_ctrl(ctx->repeat_headers),
		.force_key = xchg(&ctx->force_key, false),
		.constrained = v4l2_ctrl_g_ctrl(ctx->profile) ==
			       V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE,
		.level_idc = levels[level_of(v4l2_ctrl_g_ctrl(ctx->level))].idc,
		.timeperframe = ctx->timeperframe,
	};
}

/*
 * Whether the level allows pictures of this size at this rate. Its bound on
 * bits is not looked at: no decoder for which this stream is meant has one.
 */
bool pcm264_level_holds(struct pcm264_ctx *ctx)
{
	unsigned int level = level_of(v4l2_ctrl_g_ctrl(ctx->level));
	u32 mbs = DIV_ROUND_UP(ctx->crop.width, PCM264_MB) * DIV_ROUND_UP(ctx->crop.height, PCM264_MB);
	u64 in_second = (u64)mbs * ctx->timeperframe.denominator;

	return mbs <= levels[level].in_frame &&
	       in_second <= (u64)levels[level].in_second * ctx->timeperframe.numerator;
}
