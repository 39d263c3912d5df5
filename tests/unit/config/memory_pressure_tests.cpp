#include <larder/config/memory_pressure.hpp>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

#include <string>

using larder::config::memory_pressure;
using larder::config::pressure_regulator;
using support::write_file;

namespace {

std::string psi(const char* some) {
  return "some avg10=" + std::string(some) +
         " avg60=0.50 avg300=0.10 total=12345\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
}

}  // namespace

TEST_CASE("what cannot be read is no pressure") {
  const support::temporary_folder root;
  memory_pressure pressure(root.path());
  CHECK(pressure() == 0);
  write_file(root / "proc/pressure/memory", "nonsense\nsome avg10=x\n");
  CHECK(pressure() == 0);
}

TEST_CASE("the machine's stall time, and the group's where it is larger") {
  const support::temporary_folder root;
  write_file(root / "proc/pressure/memory", psi("12.50"));
  memory_pressure pressure(root.path());
  CHECK(pressure() == doctest::Approx(0.125));
  write_file(root / "proc/self/cgroup", "0::/a/b\n");
  write_file(root / "sys/fs/cgroup/a/b/memory.pressure", psi("40.00"));
  CHECK(pressure() == doctest::Approx(0.4));
  write_file(root / "sys/fs/cgroup/a/b/memory.pressure", psi("1.00"));
  CHECK(pressure() == doctest::Approx(0.125));
  write_file(root / "proc/self/cgroup", "0::/not/seen/from/here\n");  // in a container
  write_file(root / "sys/fs/cgroup/memory.pressure", psi("250.00"));
  CHECK(pressure() == 1);
}

TEST_CASE("a group that met its limit since the last look is under full pressure, once") {
  const support::temporary_folder root;
  write_file(root / "proc/self/cgroup", "12:cpu:/x\n0::/a\n");
  write_file(root / "sys/fs/cgroup/a/memory.events", "low 5\nhigh 1\nmax 2\noom 0\noom_kill 0\n");
  memory_pressure pressure(root.path());
  CHECK(pressure() == 0);
  write_file(root / "sys/fs/cgroup/a/memory.events", "low 9\nhigh 1\nmax 3\noom 0\noom_kill 0\n");
  CHECK(pressure() == 1);
  CHECK(pressure() == 0);
}

TEST_CASE("caches shrink with each step under pressure, down to the floor, and grow again after some without") {
  pressure_regulator of(0.1, 0.25);
  CHECK(of.step(0.09) == 1);
  CHECK(of.step(0.1) == doctest::Approx(0.75));
  CHECK(of.step(0.5) == doctest::Approx(0.5625));
  for (int i = 0; i < 10; ++i) of.step(1);
  CHECK(of.share() == 0.25);
  for (int i = 0; i < 4; ++i) CHECK(of.step(0) == 0.25);
  CHECK(of.step(0) == doctest::Approx(0.3125));
  CHECK(of.step(0.2) == 0.25);  // and the count begins anew
  CHECK(of.step(0) == 0.25);
  for (int i = 0; i < 20; ++i) of.step(0);
  CHECK(of.share() == 1);
}
