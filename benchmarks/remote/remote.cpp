// What a remote store costs beside the barest loop that does the same: bulk and small objects over HTTP from nginx, values in chunks
// from Redis, and a download on a line that fails now and then. All servers run here, on loopback.
//
// Compare the ratios: each is of one round, in which every contender had its turn, to the first one. CPU is that of the client alone
// (all of its threads, in the kernel, too); what the server takes shows in the wall time, as on a machine of two cores it must. Every
// turn is a process of its own. What came is compared with what was put.
//   download_N  the large object with N streams (N ranges of it for the raw loop, pieces of 8 MiB for larder)
//   upload      64 MiB by PUT; larder's put moves it into place besides
//   small       1 KiB, one request after the other on one connection
//   recovery    look-ups of a large value until it is there, through a fault proxy: clean, and with 1 % of the requests answered 503,
//               silent, damaged or reset in their bodies
//   redis_get   64 MiB in chunks of 4 MiB

#include "../child.hpp"
#include "../program.hpp"
#include "../scratch_folder.hpp"
#include "catalogue.hpp"
#include "content.hpp"
#include "loopback_nginx.hpp"

#include "../../tests/support/redis_server.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <vector>

namespace {

void write_object(const std::filesystem::path& path, std::size_t size) {
  std::vector<std::byte> content(size);
  bench::fill(content);
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(size));
  if (!out.flush()) throw std::runtime_error("\"" + path.string() + "\" cannot be written");
}

bool measure_http(const bench::options& wanted, bench::figure_list& figures) {
  if (!bench::loopback_nginx::installed()) {
    std::printf("the cases over HTTP are skipped: nginx is not installed\n");
    return true;
  }
  const bench::scratch_folder scratch(wanted.parent_folder(), 4 * wanted.large + (std::uint64_t{256} << 20U));
  const bench::loopback_nginx server(scratch.path());
  const bench::site where{server.url(), server.port(), scratch.path() / "files", wanted.large};
  write_object(where.files / "large", where.large);
  write_object(where.files / "small", bench::site::small);
  bool all_right = true;
  for (const auto& contests : {bench::downloads, bench::uploads, bench::small_objects, bench::recovery})
    all_right = bench::run(contests(where), wanted, figures) && all_right;
  return all_right;
}

bool measure_redis(const bench::options& wanted, bench::figure_list& figures) {
  if (!wanted.wants_case("redis_get")) return true;
  if (!support::redis_server::installed()) {
    std::printf("redis_get is skipped: redis-server is not installed\n");
    return true;
  }
  const support::redis_server::tcp server;
  return bench::run(bench::redis_values("127.0.0.1", server.port()), wanted, figures);
}

int measure(const bench::options& wanted) {
  bench::check_names("case", wanted.cases, bench::case_names);
  bench::stop_children_on_signals();
  std::printf("%zu rounds, in each of which every contender has its turn; the large object has %zu MiB%s\n", wanted.rounds,
              wanted.large >> 20U, wanted.quick ? "; --quick: too short and too small to be a figure" : "");
  bench::figure_list figures;
  const bool http_right = measure_http(wanted, figures);
  const bool redis_right = measure_redis(wanted, figures);
  if (!wanted.out.empty()) figures.write_json(wanted.out);
  return http_right && redis_right ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  return bench::run_program("bench_remote", bench::usage, [&] {
    const bench::options wanted = bench::parse(count, arguments);
    if (!wanted.help) return measure(wanted);
    bench::print_help(bench::usage, bench::case_names);
    return 0;
  });
}
