// links: larder::disk larder::zstd
// Values that compress are kept compressed, in memory and on disk; the others are used in place as before.
#include <larder/codec/zstd.hpp>
#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <iostream>
#include <string>

using namespace larder::literals;

int main() {
  // From 4 KiB on, where that saves an eighth: both numbers can be chosen, and the level.
  auto prompts = larder::make_cache<std::string, std::string>(larder::max_bytes{64_MiB}, larder::zstd{.level = 3, .from = 1_KiB});
  std::string prompt;
  while (prompt.size() < 100'000) prompt += "You are a helpful assistant. Answer in one sentence. ";
  prompts.put("system", prompt);

  const larder::cache_stats seen = prompts.stats();
  std::cout << seen.logical_bytes << " bytes take " << seen.stored_bytes << '\n';  // the limit counts the second number
  if (prompts.get("system") != prompt || prompts.weight() != seen.stored_bytes || seen.stored_bytes > 10'000) return 1;

  // On disk each entry says how it is stored: a program without the policy reads those that are not compressed.
  auto tokens = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_GiB}, larder::zstd{}, larder::mmap_disk{".cache/tokens"});
  tokens.put("padded", larder::bytes::copy_of(std::string(1'000'000, '\0')));
  auto plain = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_GiB}, larder::mmap_disk{".cache/tokens"},
                                                              larder::error_listener{[](const larder::error_event& e) { std::cout << e.message << '\n'; }});
  const bool missed = !plain.get("padded");
  return missed && tokens.get("padded")->size() == 1'000'000 && tokens.weight() < 1000 ? 0 : 1;
}
