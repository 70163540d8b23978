// Hints to the processor that Swift has no words for.
#pragma once

// Asks for a line of the cache that will be read or written soon. Any address does.
static inline void processor_prefetch(const void *address) { __builtin_prefetch(address); }
