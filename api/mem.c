/*
 * The arena: a list of blocks, taken from front to back.
 *
 * Plain malloc, not Kore's pools, which have no red zones: an overflow must
 * show under the address sanitizer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#include "log.h"

#define BLOCK_LEN 4096

struct mem_block {
	struct mem_block *next;
	size_t len, used;
	_Alignas(max_align_t) unsigned char bytes[];
};

static struct mem_block *block_for(struct mem *mem, size_t len);

void *
mem_take(struct mem *mem, size_t len)
{
	const size_t align = _Alignof(max_align_t);
	struct mem_block *block;
	void *at;

	if (len > SIZE_MAX / 2) {
		log_error("out_of_memory", LOG_STR("what", "absurd length"));
		abort();
	}
	len = (len + align - 1) / align * align;
	block = block_for(mem, len);
	at = block->bytes + block->used;
	block->used += len;
	return memset(at, 0, len);
}

/*
 * The block to take len bytes from. What is larger than half a block gets
 * one of its own behind the first, whose rest stays in use.
 */
static struct mem_block *
block_for(struct mem *mem, size_t len)
{
	struct mem_block *head = mem->head, *block;
	size_t room = len > BLOCK_LEN / 2 ? len : BLOCK_LEN;

	if (head != NULL && head->len - head->used >= len)
		return head;

	block = malloc(sizeof(*block) + room);
	if (block == NULL) {
		log_error("out_of_memory", LOG_INT("bytes", room));
		abort();
	}
	block->len = room;
	block->used = 0;
	if (room == len && head != NULL) {
		block->next = head->next;
		head->next = block;
	} else {
		block->next = head;
		mem->head = block;
	}
	return block;
}

char *
mem_copy(struct mem *mem, const char *text, size_t len)
{
	char *copy = mem_take(mem, len + 1);

	if (len > 0)
		memcpy(copy, text, len);
	return copy;
}

char *
mem_print(struct mem *mem, const char *format, ...)
{
	va_list args, again;
	char *text;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0) {
		log_error("bad_format", LOG_STR("format", format));
		abort();
	}
	text = mem_take(mem, (size_t)len + 1);
	(void)vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}

void
mem_release(struct mem *mem)
{
	struct mem_block *block = mem->head, *next;

	for (; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	mem->head = NULL;
}
