// A program with caches and a metrics_server, for top_command_tests.py: prints its port, then does what it is told, a line each: `use N` asks
// N times for keys of which half are there, `end` ends.
#include <larder/larder.hpp>
#include <larder/observe/latency_histogram.hpp>
#include <larder/serve/metrics_server.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

int main(int count, char** arguments) {
  auto names = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{1000}, larder::latency_histogram{1});
  auto strange = larder::make_cache<int, int>(larder::max_entries{10});
  auto slow = larder::make_cache<std::string, int>(larder::max_entries{10});
  auto fast = larder::make_cache<std::string, int>(larder::max_entries{10});
  larder::tiered both{fast, slow};
  larder::metrics_server server{{.token = count > 1 ? larder::secret(arguments[1]) : larder::secret()}};
  server.add("names", names);
  server.add("bad \x1b[31m\xff name", strange);
  server.add("both", both);
  std::cout << server.port() << std::endl;
  for (std::string line; std::getline(std::cin, line) && line != "end";) {
    const int n = std::atoi(line.c_str() + 4);
    for (int i = 0; i < 500; ++i) names.put(i, i);
    for (int i = 0; i < n; ++i) names.get(i % 1000);
    std::cout << "done" << std::endl;
  }
}
