// SPDX-License-Identifier: GPL-2.0-only
/* NAL units of the byte stream format (H.264, annex B), bit by bit. */

#include <linux/bitops.h>
#include <linux/minmax.h>
#include "pcm264.h"

static void store(struct pcm264_bits *bits, u8 byte)
{
	if (bits->used < bits->size)
		bits->data[bits->used++] = byte;
	else
		bits->overflow = true;
}

/* Three bytes that begin like a start code do not occur within a NAL unit. */
static void store_escaped(struct pcm264_bits *bits, u8 byte)
{
	if (bits->zeros >= 2 && byte <= 3) {
		store(bits, 3);
		bits->zeros = 0;
	}
	store(bits, byte);
	bits->zeros = byte ? 0 : bits->zeros + 1;
}

void pcm264_nal_begin(struct pcm264_bits *bits, u8 header)
{
	store(bits, 0);
	store(bits, 0);
	store(bits, 0);
	store(bits, 1);
	store(bits, header);
	bits->zeros = 0;
	bits->held = 0;
	bits->count = 0;
}

/* The stop bit; so the last byte is never zero. */
void pcm264_nal_end(struct pcm264_bits *bits)
{
	pcm264_put(bits, 1, 1);
	pcm264_align(bits);
}

void pcm264_put(struct pcm264_bits *bits, u32 value, unsigned int count)
{
	while (count) {
		unsigned int now = min(count, 8 - bits->count);

		count -= now;
		bits->held = bits->held << now | (value >> count & (BIT(now) - 1));
		bits->count += now;
		if (bits->count == 8) {
			store_escaped(bits, bits->held);
			bits->held = 0;
			bits->count = 0;
		}
	}
}

/* Exp-Golomb. */
void pcm264_ue(struct pcm264_bits *bits, u32 value)
{
	unsigned int length = fls(value + 1);

	pcm264_put(bits, 0, length - 1);
	pcm264_put(bits, value + 1, length);
}

/* With zeros to the next byte. */
void pcm264_align(struct pcm264_bits *bits)
{
	if (bits->count)
		pcm264_put(bits, 0, 8 - bits->count);
}

/* At a whole byte. */
void pcm264_bytes(struct pcm264_bits *bits, const u8 *data, unsigned int count)
{
	while (count--)
		store_escaped(bits, *data++);
}
