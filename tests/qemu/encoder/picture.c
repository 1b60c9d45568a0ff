// SPDX-License-Identifier: GPL-2.0-only
/* From a source buffer to an access unit. */

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "pcm264.h"

/* Parameter sets, slice header, and what the macroblocks' own bits round up to. */
#define HEADER_BYTES	256
#define MB_OVERHEAD	8

/* The longest access unit: emulation prevention adds a byte to every two. */
u32 pcm264_coded_size(unsigned int width, unsigned int height)
{
	u32 mbs = DIV_ROUND_UP(width, PCM264_MB) * DIV_ROUND_UP(height, PCM264_MB);

	return PAGE_ALIGN(HEADER_BYTES + mbs * (PCM264_MB_BYTES * 3 / 2 + MB_OVERHEAD));
}

void pcm264_stream_free(struct pcm264_stream *stream)
{
	if (!stream)
		return;
	kvfree(stream->input);
	kvfree(stream->reference);
	kvfree(stream->mbs);
	kvfree(stream->order);
	kfree(stream);
}

struct pcm264_stream *pcm264_stream_new(const struct v4l2_rect *visible)
{
	struct pcm264_stream *stream = kzalloc(sizeof(*stream), GFP_KERNEL);
	size_t mbs;

	if (!stream)
		return NULL;
	stream->width = visible->width;
	stream->height = visible->height;
	stream->mbs_x = DIV_ROUND_UP(visible->width, PCM264_MB);
	stream->mbs_y = DIV_ROUND_UP(visible->height, PCM264_MB);
	mbs = stream->mbs_x * stream->mbs_y;
	stream->input = kvzalloc(mbs * PCM264_MB_BYTES, GFP_KERNEL);
	stream->reference = kvzalloc(mbs * PCM264_MB_BYTES, GFP_KERNEL);
	stream->mbs = kvcalloc(mbs, sizeof(*stream->mbs), GFP_KERNEL);
	stream->order = kvcalloc(mbs, sizeof(*stream->order), GFP_KERNEL);
	if (stream->input && stream->reference && stream->mbs && stream->order)
		return stream;
	pcm264_stream_free(stream);
	return NULL;
}

/*
 * One plane, with the last column and line repeated up to the coded size: what
 * is beyond the visible part must not change from picture to picture, or it
 * would cost bits. `step` is the distance of a line's samples.
 */
static void take_plane(u8 *to, unsigned int coded_width, unsigned int coded_height, const u8 *from,
		       unsigned int stride, unsigned int step, unsigned int width, unsigned int height)
{
	unsigned int x, y;

	for (y = 0; y < coded_height; y++, to += coded_width) {
		if (y >= height) {
			memcpy(to, to - coded_width, coded_width);
			continue;
		}
		if (step == 1)
			memcpy(to, from + y * stride, width);
		else
			for (x = 0; x < width; x++)
				to[x] = from[y * stride + x * step];
		memset(to + width, to[width - 1], coded_width - width);
	}
}

static void take_input(struct pcm264_stream *stream, const struct pcm264_source *source)
{
	unsigned int width = stream->mbs_x * PCM264_MB, height = stream->mbs_y * PCM264_MB;
	bool interleaved = source->fourcc == V4L2_PIX_FMT_NV12;
	unsigned int stride = interleaved ? source->stride : source->stride / 2;
	unsigned int step = interleaved ? 2 : 1;
	const u8 *first = source->data + source->stride * source->lines;
	const u8 *second = first + (interleaved ? 1 : stride * source->lines / 2);
	size_t offset = source->top / 2 * stride + source->left / 2 * step;
	u8 *to = stream->input;

	take_plane(to, width, height, source->data + source->top * source->stride + source->left,
		   source->stride, 1, stream->width, stream->height);
	to += width * height;
	take_plane(to, width / 2, height / 2, first + offset, stride, step,
		   stream->width / 2, stream->height / 2);
	to += width * height / 4;
	take_plane(to, width / 2, height / 2, second + offset, stride, step,
		   stream->width / 2, stream->height / 2);
}

static u32 differences(const u8 *a, const u8 *b, unsigned int stride, unsigned int size)
{
	unsigned int x, y;
	u32 sum = 0;

	for (y = 0; y < size; y++, a += stride, b += stride) {
		if (!memcmp(a, b, size))
			continue;
		for (x = 0; x < size; x++)
			sum += abs(a[x] - b[x]);
	}
	return sum;
}

static void copy_block(u8 *to, const u8 *from, unsigned int stride, unsigned int size)
{
	unsigned int y;

	for (y = 0; y < size; y++)
		memcpy(to + y * stride, from + y * stride, size);
}

/* Where a macroblock's three blocks are in a picture of the coded size. */
static void places(const struct pcm264_stream *stream, unsigned int mb, size_t at[3])
{
	unsigned int x = mb % stream->mbs_x, y = mb / stream->mbs_x;
	size_t stride = stream->mbs_x * PCM264_MB, luma = stride * stream->mbs_y * PCM264_MB;

	at[0] = y * 16 * stride + x * 16;
	at[1] = luma + y * 8 * (stride / 2) + x * 8;
	at[2] = at[1] + luma / 4;
}

/* What waits to be sent: nothing, as soon as the picture is what was sent. */
static void look(struct pcm264_stream *stream)
{
	unsigned int mb, plane, stride = stream->mbs_x * PCM264_MB;
	size_t at[3];
	u32 sum;

	for (mb = 0; mb < stream->mbs_x * stream->mbs_y; mb++) {
		places(stream, mb, at);
		for (sum = 0, plane = 0; plane < 3; plane++)
			sum += differences(stream->input + at[plane], stream->reference + at[plane],
					   plane ? stride / 2 : stride, plane ? 8 : 16);
		stream->mbs[mb].waiting = sum ? stream->mbs[mb].waiting + sum : 0;
	}
}

static void take_selected(struct pcm264_stream *stream)
{
	unsigned int mb, plane, stride = stream->mbs_x * PCM264_MB;
	size_t at[3];

	for (mb = 0; mb < stream->mbs_x * stream->mbs_y; mb++) {
		if (!stream->mbs[mb].send)
			continue;
		stream->mbs[mb].waiting = 0;
		places(stream, mb, at);
		for (plane = 0; plane < 3; plane++)
			copy_block(stream->reference + at[plane], stream->input + at[plane],
				   plane ? stride / 2 : stride, plane ? 8 : 16);
	}
}

static void take_all(struct pcm264_stream *stream)
{
	size_t mb, mbs = stream->mbs_x * stream->mbs_y;

	memcpy(stream->reference, stream->input, mbs * PCM264_MB_BYTES);
	for (mb = 0; mb < mbs; mb++)
		stream->mbs[mb].waiting = 0;
}

/*
 * Returns the length of the access unit, or -ENOSPC: then the next picture is
 * a keyframe, as the decoder lacks this one.
 */
int pcm264_encode(struct pcm264_stream *stream, const struct pcm264_settings *settings,
		  const struct pcm264_source *source, u8 *data, size_t size, bool *key)
{
	struct pcm264_bits bits = { .data = data, .size = size };
	bool first = !stream->begun;

	*key = first || settings->force_key || stream->since_key + 1 >= settings->gop;
	take_input(stream, source);
	if (*key) {
		take_all(stream);
		/* Two IDR pictures that follow one another differ in this. */
		stream->idr_pic_id = (stream->idr_pic_id + 1) % 2;
		stream->frame_num = 0;
	} else {
		look(stream);
		pcm264_rate_select(stream, settings);
		take_selected(stream);
		stream->frame_num++;
	}
	if (*key && (first || settings->repeat_headers))
		pcm264_headers(&bits, stream, settings);
	pcm264_slice(&bits, stream, *key);
	stream->begun = !bits.overflow;
	if (bits.overflow)
		return -ENOSPC;
	if (*key)
		pcm264_rate_key(&stream->rate, settings, bits.used);
	else
		pcm264_rate_spent(&stream->rate, bits.used);
	stream->since_key = *key ? 0 : stream->since_key + 1;
	return bits.used;
}
