// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which macroblocks a picture sends, so that the stream keeps to its bit rate.
 *
 * Each picture is worth the bit rate times its duration. A keyframe costs what
 * it costs, as a debt; while there is one, half of each picture's worth pays
 * it back, so that what moves still does. What is left over is kept for a
 * while: for one macroblock at least, so that a low rate sends some, too.
 *
 * Those macroblocks are sent that have waited most: of each the difference
 * between what is there and what was sent is summed up over the pictures in
 * which it was not sent. So a large change goes first, and a small one is not
 * put off for ever.
 */

#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sort.h>
#include "pcm264.h"

/* With its type, the run before it, and some emulation prevention. */
#define MB_BITS		((PCM264_MB_BYTES + 4) * 8)
#define DEBT_SECONDS	4	/* beyond that keyframes are a gift */

static s64 worth(const struct pcm264_settings *settings)
{
	return div_u64((u64)settings->bitrate * settings->timeperframe.numerator,
		       settings->timeperframe.denominator);
}

/* A keyframe was sent, of that many bytes. */
void pcm264_rate_key(struct pcm264_rate *rate, const struct pcm264_settings *settings, size_t bytes)
{
	s64 left = rate->credit + worth(settings) - (s64)bytes * 8;

	rate->credit = max_t(s64, left, 0);
	rate->debt = min_t(s64, rate->debt + max_t(s64, -left, 0),
			   (s64)DEBT_SECONDS * settings->bitrate);
}

/* Most waited for first. */
static int compare(const void *a, const void *b, const void *priv)
{
	const struct pcm264_mb *mbs = priv;
	u64 of_a = mbs[*(const u32 *)a].waiting, of_b = mbs[*(const u32 *)b].waiting;

	return of_a < of_b ? 1 : of_a > of_b ? -1 : 0;
}

/* Marks those that the next picture sends. */
void pcm264_rate_select(struct pcm264_stream *stream, const struct pcm264_settings *settings)
{
	struct pcm264_rate *rate = &stream->rate;
	s64 income = worth(settings), payment = min(rate->debt, income / 2);
	s64 most = max_t(s64, settings->constant ? income : settings->bitrate, income + MB_BITS);
	unsigned int i, count = 0, total = stream->mbs_x * stream->mbs_y;
	s64 affordable;

	rate->debt -= payment;
	rate->credit = min(rate->credit + income - payment, most);
	affordable = rate->credit > 0 ? div_u64(rate->credit, MB_BITS) : 0;

	for (i = 0; i < total; i++) {
		stream->mbs[i].send = false;
		if (stream->mbs[i].waiting)
			stream->order[count++] = i;
	}
	if (count > affordable)
		sort_r(stream->order, count, sizeof(*stream->order), compare, NULL, stream->mbs);
	for (i = 0; i < min_t(s64, count, affordable); i++)
		stream->mbs[stream->order[i]].send = true;
}

/* The picture has come to that many bytes. */
void pcm264_rate_spent(struct pcm264_rate *rate, size_t bytes)
{
	rate->credit -= (s64)bytes * 8;
}
