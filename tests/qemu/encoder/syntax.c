// SPDX-License-Identifier: GPL-2.0-only
/*
 * What stands in the stream. Numbers in comments are clauses of ITU-T H.264.
 *
 * No slice is filtered (7.4.3, disable_deblocking_filter_idc), so a decoder
 * shows the samples of an I_PCM macroblock as they are. A P_Skip macroblock is
 * the one at the same place of the picture before: its predicted vector
 * (8.4.1.1) comes from neighbours that are P_Skip, too, or intra, and is zero.
 */

#include "pcm264.h"

#define NAL_SLICE	0x41	/* a reference, not IDR */
#define NAL_IDR		0x65
#define NAL_SPS		0x67
#define NAL_PPS		0x68
#define FRAME_NUM_BITS	8
#define SLICE_P		5	/* and so are all slices of the picture */
#define SLICE_I		7
#define MB_I_PCM	25
#define MB_I_PCM_IN_P	30

/* E.1.1. Without it a decoder may hold pictures back, to put them in order. */
static void put_vui(struct pcm264_bits *bits, const struct v4l2_fract *timeperframe)
{
	pcm264_put(bits, 0, 4);		/* aspect ratio, overscan, signal type, chroma place */
	pcm264_put(bits, 1, 1);		/* timing_info_present_flag */
	pcm264_put(bits, timeperframe->numerator, 32);
	pcm264_put(bits, 2 * timeperframe->denominator, 32);
	pcm264_put(bits, 0, 1);		/* fixed_frame_rate_flag */
	pcm264_put(bits, 0, 3);		/* HRD twice, pic_struct_present_flag */
	pcm264_put(bits, 1, 1);		/* bitstream_restriction_flag */
	pcm264_put(bits, 1, 1);		/* motion_vectors_over_pic_boundaries_flag */
	pcm264_ue(bits, 0);		/* max_bytes_per_pic_denom: no limit */
	pcm264_ue(bits, 0);		/* max_bits_per_mb_denom: no limit */
	pcm264_ue(bits, 0);		/* log2_max_mv_length_horizontal */
	pcm264_ue(bits, 0);		/* log2_max_mv_length_vertical */
	pcm264_ue(bits, 0);		/* max_num_reorder_frames */
	pcm264_ue(bits, 1);		/* max_dec_frame_buffering */
}

/* 7.3.2.1.1 */
static void put_sps(struct pcm264_bits *bits, const struct pcm264_stream *stream,
		    const struct pcm264_settings *settings)
{
	unsigned int right = stream->mbs_x * PCM264_MB - stream->width;
	unsigned int bottom = stream->mbs_y * PCM264_MB - stream->height;

	pcm264_nal_begin(bits, NAL_SPS);
	pcm264_put(bits, 66, 8);	/* profile_idc: baseline */
	pcm264_put(bits, 1, 1);		/* constraint_set0_flag */
	pcm264_put(bits, settings->constrained, 1);
	pcm264_put(bits, 0, 6);
	pcm264_put(bits, settings->level_idc, 8);
	pcm264_ue(bits, 0);		/* seq_parameter_set_id */
	pcm264_ue(bits, FRAME_NUM_BITS - 4);
	pcm264_ue(bits, 2);		/* pic_order_cnt_type: shown as decoded */
	pcm264_ue(bits, 1);		/* max_num_ref_frames */
	pcm264_put(bits, 0, 1);		/* gaps_in_frame_num_value_allowed_flag */
	pcm264_ue(bits, stream->mbs_x - 1);
	pcm264_ue(bits, stream->mbs_y - 1);
	pcm264_put(bits, 1, 1);		/* frame_mbs_only_flag */
	pcm264_put(bits, 1, 1);		/* direct_8x8_inference_flag */
	pcm264_put(bits, right || bottom, 1);
	if (right || bottom) {
		pcm264_ue(bits, 0);
		pcm264_ue(bits, right / 2);
		pcm264_ue(bits, 0);
		pcm264_ue(bits, bottom / 2);
	}
	pcm264_put(bits, 1, 1);		/* vui_parameters_present_flag */
	put_vui(bits, &settings->timeperframe);
	pcm264_nal_end(bits);
}

/* 7.3.2.2 */
static void put_pps(struct pcm264_bits *bits)
{
	pcm264_nal_begin(bits, NAL_PPS);
	pcm264_ue(bits, 0);		/* pic_parameter_set_id */
	pcm264_ue(bits, 0);		/* seq_parameter_set_id */
	pcm264_put(bits, 0, 1);		/* entropy_coding_mode_flag: CAVLC */
	pcm264_put(bits, 0, 1);		/* bottom_field_pic_order_in_frame_present_flag */
	pcm264_ue(bits, 0);		/* num_slice_groups_minus1 */
	pcm264_ue(bits, 0);		/* num_ref_idx_l0_default_active_minus1 */
	pcm264_ue(bits, 0);		/* num_ref_idx_l1_default_active_minus1 */
	pcm264_put(bits, 0, 3);		/* weighted_pred_flag, weighted_bipred_idc */
	pcm264_ue(bits, 0);		/* pic_init_qp_minus26 */
	pcm264_ue(bits, 0);		/* pic_init_qs_minus26 */
	pcm264_ue(bits, 0);		/* chroma_qp_index_offset */
	pcm264_put(bits, 1, 1);		/* deblocking_filter_control_present_flag */
	pcm264_put(bits, 0, 2);		/* constrained_intra_pred, redundant_pic_cnt */
	pcm264_nal_end(bits);
}

void pcm264_headers(struct pcm264_bits *bits, const struct pcm264_stream *stream,
		    const struct pcm264_settings *settings)
{
	put_sps(bits, stream, settings);
	put_pps(bits);
}

/* 7.3.3 */
static void put_slice_header(struct pcm264_bits *bits, const struct pcm264_stream *stream, bool key)
{
	pcm264_nal_begin(bits, key ? NAL_IDR : NAL_SLICE);
	pcm264_ue(bits, 0);		/* first_mb_in_slice */
	pcm264_ue(bits, key ? SLICE_I : SLICE_P);
	pcm264_ue(bits, 0);		/* pic_parameter_set_id */
	pcm264_put(bits, stream->frame_num, FRAME_NUM_BITS);
	if (key) {
		pcm264_ue(bits, stream->idr_pic_id);
		pcm264_put(bits, 0, 2);	/* no_output_of_prior_pics, long_term_reference */
	} else {
		pcm264_put(bits, 0, 1);	/* num_ref_idx_active_override_flag */
		pcm264_put(bits, 0, 1);	/* ref_pic_list_modification_flag_l0 */
		pcm264_put(bits, 0, 1);	/* adaptive_ref_pic_marking_mode_flag */
	}
	pcm264_ue(bits, 0);		/* slice_qp_delta */
	pcm264_ue(bits, 1);		/* disable_deblocking_filter_idc */
}

static void put_block(struct pcm264_bits *bits, const u8 *from, unsigned int stride,
		      unsigned int size)
{
	unsigned int line;

	for (line = 0; line < size; line++)
		pcm264_bytes(bits, from + line * stride, size);
}

/* 7.3.5, the samples of an I_PCM macroblock; from what the decoder is to have. */
static void put_samples(struct pcm264_bits *bits, const struct pcm264_stream *stream,
			unsigned int x, unsigned int y)
{
	unsigned int stride = stream->mbs_x * PCM264_MB;
	size_t luma = (size_t)stride * stream->mbs_y * PCM264_MB;
	const u8 *chroma = stream->reference + luma + y * 8 * (stride / 2) + x * 8;

	pcm264_align(bits);
	put_block(bits, stream->reference + y * 16 * stride + x * 16, stride, 16);
	put_block(bits, chroma, stride / 2, 8);
	put_block(bits, chroma + luma / 4, stride / 2, 8);
}

/* 7.3.4: the whole picture in one slice. */
void pcm264_slice(struct pcm264_bits *bits, const struct pcm264_stream *stream, bool key)
{
	unsigned int x, y, skipped = 0;

	put_slice_header(bits, stream, key);
	for (y = 0; y < stream->mbs_y; y++) {
		for (x = 0; x < stream->mbs_x; x++) {
			if (!key && !stream->mbs[y * stream->mbs_x + x].send) {
				skipped++;
				continue;
			}
			if (!key)
				pcm264_ue(bits, skipped);	/* mb_skip_run */
			skipped = 0;
			pcm264_ue(bits, key ? MB_I_PCM : MB_I_PCM_IN_P);
			put_samples(bits, stream, x, y);
		}
	}
	if (skipped)
		pcm264_ue(bits, skipped);
	pcm264_nal_end(bits);
}
