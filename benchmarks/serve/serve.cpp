// What the weight server costs beside nginx with as many workers, one: chunks of 1 KiB and of 64 MiB from memory (of nginx: from the
// system's page cache), and how much memory it takes for chunks that do not all fit.
//
// Servers and clients are processes of this machine, over loopback; on two cores they share it, so compare the ratios: each is of one round,
// in which every server had its turn, to nginx. CPU is that of the server, the kernel's part included. What came is compared with what lies there.
//   small_8, small_64   1 KiB on so many connections
//   large_1, large_4    64 MiB
//   memory              12 chunks of 16 MiB and 1000 of 1 KiB in a cache of 100 MB, 16 clients: bytes above the empty server and its bound

#include "../child.hpp"
#include "../program.hpp"
#include "../remote/content.hpp"
#include "../remote/loopback_nginx.hpp"
#include "../remote/raw_socket.hpp"
#include "../round_options.hpp"
#include "../rounds.hpp"
#include "../scratch_folder.hpp"
#include "load.hpp"
#include "server_process.hpp"

#include <larder/core/digest.hpp>
#include <larder/serve/weight_server.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr const char* usage =
    "usage: bench_serve [--help] [--case NAME,...] [--rounds N] [--quick] [--dir FOLDER] [--out FILE.json]\n"
    "  --rounds N    rounds, in each of which every server has its turn (default 11)\n"
    "  --quick       2 rounds: shows that it runs, not how fast\n"
    "  --dir FOLDER  where the chunks lie, in a folder that is removed at the end (default: beside the program)\n";

constexpr std::uint64_t bound = 200'000'000;

/// Writes a chunk and gives its name.
std::string add_chunk(const std::filesystem::path& folder, std::span<const std::byte> content) {
  const std::string name = larder::digest_of(content).hex();
  std::ofstream out(folder / name, std::ios::binary);
  out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  if (!out.flush()) throw std::runtime_error("a chunk cannot be written to \"" + folder.string() + "\"");
  return name;
}
std::string add_chunk(const std::filesystem::path& folder, std::size_t size) {
  std::vector<std::byte> content(size);
  bench::fill(content);
  return add_chunk(folder, content);
}

bench::server_process larder_over(const std::filesystem::path& folder, std::uint64_t capacity) {
  return bench::server_process([&](const std::function<void(int)>& ready) {
    larder::weight_server server{{.chunks_dir = folder, .cache_size = capacity, .workers = 1}};
    server.start();
    ready(server.port());
    for (;;) ::pause();
  });
}

struct server {
  std::string name;
  int port;
  pid_t process;
  std::string prefix;
};

bench::contest small(const std::vector<server>& servers, const std::string& name, std::size_t connections) {
  bench::contest c{"small_" + std::to_string(connections), {{"requests", "1/s", 0}, {"cpu", "us/request", 1}}, {}};
  for (const server& s : servers)
    c.contenders.push_back(
        {s.name, [=] {
           constexpr std::size_t requests = 40'000;
           const double before = bench::use_of(s.process).cpu;
           const double wall =
               bench::many_small(static_cast<std::uint16_t>(s.port), {s.prefix + name, 1024}, connections, requests);
           return std::vector<double>{requests / wall, (bench::use_of(s.process).cpu - before) * 1e6 / requests};
         }});
  return c;
}

bench::contest large(const std::vector<server>& servers, const std::string& name, std::size_t connections) {
  constexpr std::size_t size = std::size_t{64} << 20U;
  bench::contest c{"large_" + std::to_string(connections), {{"speed", "MB/s", 0}, {"cpu", "s/GB", 3}}, {}};
  for (const server& s : servers)
    c.contenders.push_back(
        {s.name, [=] {
           const std::size_t times = 48 / connections;
           const double before = bench::use_of(s.process).cpu;
           const double wall = bench::some_large(static_cast<std::uint16_t>(s.port), {s.prefix + name, size}, connections, times);
           const double sent = static_cast<double>(size * connections * times);
           return std::vector<double>{sent / wall / 1e6, (bench::use_of(s.process).cpu - before) * 1e9 / sent};
         }});
  return c;
}

/// The most that a server takes while clients ask at random, above what it took before and what it may keep.
std::vector<double> memory_turn(const std::filesystem::path& folder, const std::vector<bench::wanted_chunk>& chunks) {
  constexpr std::uint64_t capacity = 100'000'000;
  constexpr std::size_t clients = 16;
  const bench::server_process running = larder_over(folder, capacity);
  const double before = static_cast<double>(bench::use_of(running.id()).memory);
  std::atomic<bool> over{false};
  std::atomic<std::size_t> failures{0};
  double most = 0;
  std::thread watching([&] {
    while (!over) {
      most = std::max(most, static_cast<double>(bench::use_of(running.id()).memory));
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < clients; ++i)
    threads.emplace_back([&, i] {
      try {
        std::mt19937 random(static_cast<unsigned>(i));
        bench::raw_socket socket(static_cast<std::uint16_t>(running.port()));
        std::vector<std::byte> room;
        for (int n = 0; n < 150; ++n) {
          const bench::wanted_chunk& chunk = n % 10 == 0 ? chunks[random() % 12] : chunks[12 + random() % (chunks.size() - 12)];
          room.resize(chunk.size);
          socket.send("GET " + chunk.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
          bench::receive_answer(socket, 200, room);
        }
      } catch (const std::exception&) {
        ++failures;
      }
    });
  for (std::thread& t : threads) t.join();
  over = true;
  watching.join();
  if (failures != 0) throw std::runtime_error("a client failed");
  return {most / 1e6, (most - before - static_cast<double>(capacity)) / 1024 / clients};
}

bool measure_throughput(const std::filesystem::path& folder, const bench::round_options& wanted, bench::figure_list& figures) {
  std::filesystem::create_directories(folder / "files");
  const std::string tiny = add_chunk(folder / "files", 1024);
  const std::string huge = add_chunk(folder / "files", std::size_t{64} << 20U);
  std::vector<server> servers;
  const bool has_nginx = bench::loopback_nginx::installed();
  if (!has_nginx) std::printf("without nginx, which is not installed\n");
  std::unique_ptr<bench::loopback_nginx> plain;
  std::unique_ptr<bench::loopback_nginx> caching;
  if (has_nginx) {
    plain = std::make_unique<bench::loopback_nginx>(folder, "tcp_nopush on;");
    servers.push_back({"nginx", plain->port(), plain->process(), "/"});
    std::filesystem::create_directories(folder / "second");
    std::filesystem::create_directory_symlink(folder / "files", folder / "second" / "files");
    caching = std::make_unique<bench::loopback_nginx>(folder / "second",
                                                      "tcp_nopush on; open_file_cache max=1000; open_file_cache_valid 60s;");
    servers.push_back({"nginx, open_file_cache", caching->port(), caching->process(), "/"});
  }
  const bench::server_process ours = larder_over(folder / "files", bound);
  servers.push_back({"larder", ours.port(), ours.id(), "/v1/c/"});
  return bench::run({small(servers, tiny, 8), small(servers, tiny, 64), large(servers, huge, 1), large(servers, huge, 4)}, wanted,
                    figures);
}

bool measure_memory(const std::filesystem::path& folder, const bench::round_options& wanted, bench::figure_list& figures) {
  if (!wanted.wants_case("memory")) return true;
  std::filesystem::create_directories(folder / "many");
  std::vector<bench::wanted_chunk> chunks;
  std::vector<std::byte> content(std::size_t{16} << 20U);
  bench::fill(content);
  for (std::uint64_t i = 0; i < 12 + 1000; ++i) {
    std::memcpy(content.data(), &i, sizeof i);
    const std::span<const std::byte> mine = std::span<const std::byte>(content).first(i < 12 ? content.size() : 1024);
    chunks.push_back({"/v1/c/" + add_chunk(folder / "many", mine), mine.size()});
  }
  const bench::contest c{"memory",
                         {{"peak", "MB", 1, false}, {"above", "KiB/client", 1, false}},
                         {{"larder", [&] { return memory_turn(folder / "many", chunks); }}}};
  return bench::run(c, wanted.rounds, figures);
}

const std::vector<std::string> case_names{"small_8", "small_64", "large_1", "large_4", "memory"};

int measure(const bench::round_options& wanted) {
  bench::check_names("case", wanted.cases, case_names);
  bench::stop_children_on_signals();
  std::printf("%zu rounds, in each of which every server has its turn%s\n", wanted.rounds,
              wanted.quick ? "; --quick: too short to be a figure" : "");
  const bench::scratch_folder scratch(wanted.parent_folder(), std::uint64_t{512} << 20U);
  bench::figure_list figures;
  const bool right = measure_throughput(scratch.path(), wanted, figures);
  const bool small_enough = measure_memory(scratch.path(), wanted, figures);
  if (!wanted.out.empty()) figures.write_json(wanted.out);
  return right && small_enough ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  return bench::run_program("bench_serve", usage, [&] {
    bench::round_options wanted{.rounds = 11};
    wanted.read(count, arguments);
    if (!wanted.help) return measure(wanted);
    bench::print_help(usage, case_names);
    return 0;
  });
}
