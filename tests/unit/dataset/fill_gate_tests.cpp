#include <larder/dataset/fill_gate.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/in_child.hpp"
#include "support/temporary_folder.hpp"

using namespace std::chrono_literals;
using larder::datasets::fill_gate;

namespace {

/// What a page in a file says about whether somebody waits to be alone.
bool is_wanted(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  std::uint32_t wanted = 0;
  if (page.size() >= 20) std::memcpy(&wanted, page.data() + 16, sizeof wanted);
  return wanted != 0;
}

/// A process that goes inside and does not come out by itself.
class insider {
 public:
  insider(const std::string& path, bool alone) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      ::alarm(60);
      fill_gate gate(path);
      const fill_gate::pass inside = alone ? gate.alone() : gate.among();
      const char word = inside ? 'i' : 'o';
      if (::write(ends[1], &word, 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char word = 0;
    REQUIRE(::read(ends[0], &word, 1) == 1);
    CHECK(word == 'i');
    ::close(ends[0]);
    ::close(ends[1]);
  }
  insider(const insider&) = delete;
  insider& operator=(const insider&) = delete;
  ~insider() { kill(); }
  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    int status = 0;
    ::waitpid(std::exchange(child_, 0), &status, 0);
  }

 private:
  ::pid_t child_ = 0;
};

}  // namespace

TEST_CASE("those who put are inside together, who counts is alone: threads, in one gate and in several of one file") {
  const support::temporary_folder folder;
  for (const bool shared : {false, true}) {
    const std::string path = shared ? (folder / "page").string() : std::string();
    fill_gate first(path), second(path);
    std::atomic<int> inside{0}, alone{0}, wrong{0}, refused{0};
    std::latch start(4);
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
          fill_gate& gate = shared && t % 2 == 1 ? second : first;
          start.arrive_and_wait();
          for (int i = 0; i < 200; ++i) {
            if (i % 20 == 7) {
              fill_gate::pass pass = gate.alone();
              if (!pass) {
                ++refused;
                continue;
              }
              if (++alone != 1 || inside != 0) ++wrong;
              pass.beat();
              --alone;
              if (i % 40 == 7) {
                ++inside;
                pass.join();
                if (alone != 0) ++wrong;
                --inside;
              }
            } else {
              const fill_gate::pass pass = gate.among();
              if (!pass) {
                ++refused;
                continue;
              }
              ++inside;
              if (alone != 0) ++wrong;
              --inside;
            }
          }
        });
    }
    CHECK(wrong == 0);
    CHECK(refused == 0);
    CHECK(first.is_shared() == shared);
  }
}

TEST_CASE("who wants to be alone waits for those inside, and keeps those out who come later") {
  const support::temporary_folder folder;
  const std::string path = (folder / "page").string();
  fill_gate one(path), other(path);
  fill_gate::pass inside = one.among();
  REQUIRE(inside);
  std::atomic<int> turn{0};
  std::jthread counts([&] {
    const fill_gate::pass pass = other.alone();
    CHECK(pass);
    CHECK(turn.exchange(1) == 0);
  });
  REQUIRE(support::eventually([&] { return is_wanted(path); }));
  CHECK(turn == 0);
  inside.leave();
  counts.join();
  CHECK(turn == 1);
  CHECK(one.among());
  CHECK(!is_wanted(path));
}

TEST_CASE("a process that is killed inside holds nobody up") {
  const support::temporary_folder folder;
  const std::string path = (folder / "page").string();
  fill_gate gate(path, 20s);
  for (const bool alone : {false, true}) {
    insider other(path, alone);
    std::jthread kills([&] { other.kill(); });
    CHECK((alone ? gate.among() : gate.alone()));
  }
}

TEST_CASE("for a process that does not come out nobody waits for ever, and then nobody waits at all for a while") {
  const support::temporary_folder folder;
  const std::string path = (folder / "page").string();
  fill_gate gate(path, 30ms);
  {
    insider counts(path, true);
    for (int i = 0; i < 3; ++i) CHECK(!gate.among());
    CHECK(!gate.alone());
  }
  {
    insider puts(path, false);
    CHECK(!gate.alone());
    CHECK(gate.among());  // with him
  }
  fill_gate later(path);
  CHECK(later.alone());
}

TEST_CASE("what is announced and erased is seen by all who have the page") {
  const support::temporary_folder folder;
  const std::string path = (folder / "page").string();
  fill_gate one(path), other(path);
  const fill_gate::tally before = one.look();
  REQUIRE(one.announce(before, 100));
  CHECK(!one.announce(before, 100));  // it has been looked at before
  const fill_gate::tally after = other.look();
  CHECK(after.come == before.come + 100);
  CHECK(other.announce(after, 1));
  CHECK(one.look().come == before.come + 101);
  CHECK(other.note_erasure().erased == before.erased + 1);
  CHECK(one.look().erased == before.erased + 1);
  support::in_child([&] {
    fill_gate third(path);
    return third.announce(third.look(), 10) && third.note_erasure().erased == before.erased + 2;
  });
  CHECK(one.look().come == before.come + 111);
  CHECK(one.look().erased == before.erased + 2);
}

TEST_CASE("a page that is gone or cut is made anew, and is another one then") {
  const support::temporary_folder folder;
  const std::string path = (folder / "page").string();
  fill_gate one(path), other(path);
  for (const bool removed : {true, false}) {
    const fill_gate::tally before = one.look();
    const fill_gate::tally others = other.look();
    CHECK(one.announce(before, 5));
    if (removed)
      std::filesystem::remove(path);
    else
      std::filesystem::resize_file(path, 100);
    CHECK(one.look().page != before.page);
    CHECK(!one.announce(before, 5));
    CHECK(other.look().page != others.page);
    CHECK(one.is_shared());
    CHECK(one.announce(one.look(), 7));
    CHECK(one.look().come == other.look().come);
    const fill_gate::pass inside = one.among();
    CHECK(inside);
    fill_gate third(path, 20ms);
    CHECK(!third.alone());
  }
}

TEST_CASE("a page of any bytes will do") {
  const support::temporary_folder folder;
  const std::string path = (folder / "page").string();
  std::ofstream(path, std::ios::binary) << std::string(5000, '\xff');
  fill_gate gate(path);
  const fill_gate::tally before = gate.look();
  CHECK(before.come == ~std::uint64_t{0});
  CHECK(gate.announce(before, 5));
  CHECK(gate.look().come == 4);
  CHECK(gate.among());
  CHECK(gate.alone());
}

TEST_CASE("without a file for the page a process keeps to itself") {
  const support::temporary_folder folder;
  std::filesystem::create_directory(folder / "folder");
  std::filesystem::create_symlink(folder / "elsewhere", folder / "link");
  for (const std::string& path : {std::string(), (folder / "nowhere" / "page").string(), (folder / "folder").string(), (folder / "link").string()}) {
    fill_gate gate(path);
    CHECK(!gate.is_shared());
    CHECK(gate.announce(gate.look(), 5));
    CHECK(gate.look().come == 5);
    CHECK(gate.note_erasure().erased == 1);
    CHECK(gate.among());
    CHECK(gate.alone());
  }
  CHECK(!std::filesystem::exists(folder / "elsewhere"));
}

TEST_CASE("a child of fork has a gate of its own, and takes nothing from its parent's") {
  const support::temporary_folder folder;
  const std::string path = (folder / "page").string();
  fill_gate gate(path, 50ms);
  const fill_gate::tally before = gate.look();
  {
    const fill_gate::pass inside = gate.among();
    REQUIRE(inside);
    support::in_child([&] {
      if (gate.alone()) return false;                    // the parent is inside
      if (gate.look().page == before.page) return false;  // it counts anew
      return static_cast<bool>(gate.among());
    });
    support::in_child([&] {
      gate.among().leave();
      return true;
    });
    fill_gate third(path, 20ms);
    CHECK(!third.alone());  // the children's locks were theirs
  }
  CHECK(gate.look().page == before.page);
  support::in_child([&] {
    const fill_gate::pass inside = gate.alone();
    return static_cast<bool>(inside);
  });
  CHECK(gate.alone());
}
