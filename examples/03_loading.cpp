// Loading: single flight, batches, futures, renewing in the background, remembering a function.
#include <larder/larder.hpp>

#include <atomic>
#include <cstddef>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace larder::literals;

int main() {
  auto embeddings = larder::make_cache<std::string, std::size_t>(larder::max_entries{1000});
  std::atomic<int> loads{0};
  const auto embed = [&](const std::string& text) {
    ++loads;
    return text.size();
  };

  // Eight threads, one key: one load; the others wait for it.
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { embeddings.get_or_load("hello", embed); });
  for (std::thread& t : threads) t.join();
  std::cout << "loads of one key by eight threads: " << loads << '\n';

  // What is missing of a batch is loaded together.
  const std::vector<std::size_t> many = embeddings.get_or_load_many(
      std::vector<std::string>{"hello", "little", "world"}, [](const std::vector<std::string>& missing) {
        std::cout << missing.size() << " of the batch were missing\n";
        std::vector<std::size_t> loaded;
        for (const std::string& text : missing) loaded.push_back(text.size());
        return loaded;
      });

  std::future<std::size_t> later = embeddings.get_or_load_async("asynchronous", embed);
  const std::size_t length = later.get();

  // A value older than a minute is still served while one load renews it.
  larder::manual_clock now;
  auto prices = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::refresh_after_write{1min}, larder::time_source{now});
  std::atomic<int> price{100};
  const auto quote = [&](const std::string&) { return price.load(); };
  const int first = prices.get_or_load("gold", quote);
  price = 105;
  now.advance(2min);
  const int second = prices.get_or_load("gold", quote);  // the old one, at once
  while (prices.peek("gold") != 105) std::this_thread::yield();

  auto slow_add = larder::memoize([](int a, int b) { return a + b; }, larder::max_entries{1000});
  slow_add(2, 3);
  slow_add(2, 3);

  return loads == 2 && length == 12 && many.size() == 3 && first == 100 && second == 100 && slow_add.stats().loads == 1 ? 0 : 1;
}
