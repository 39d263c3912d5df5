#include "resident_growth.hpp"

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace bench {
namespace {

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double all = 0;
  double resident = 0;
  statm >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

double resident_growth(const std::function<void(const std::function<void()>& built)>& build) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("resident_growth: no pipe");
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("resident_growth: no child");
  if (child == 0) {
    ::malloc_trim(0);
    const double before = resident_bytes();
    build([&] {
      const double growth = resident_bytes() - before;
      const bool told = ::write(ends[1], &growth, sizeof growth) == static_cast<ssize_t>(sizeof growth);
      ::_exit(told ? 0 : 1);
    });
    ::_exit(1);
  }
  ::close(ends[1]);
  double growth = 0;
  const bool told = ::read(ends[0], &growth, sizeof growth) == static_cast<ssize_t>(sizeof growth);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (!told) throw std::runtime_error("resident_growth: the child did not answer");
  return growth;
}

}  // namespace bench
