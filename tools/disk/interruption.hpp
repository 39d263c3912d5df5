#pragma once

#include <csignal>

#include <signal.h>

namespace disk {

/// While it lives, Ctrl-C and SIGTERM ask the work to stop where all is in order instead of ending the program.
class interruption {
 public:
  static constexpr int exit_code = 130;

  interruption() {
    struct sigaction quiet {};
    quiet.sa_handler = [](int) { asked_ = 1; };
    quiet.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);  // the second one ends the program
    ::sigaction(SIGINT, &quiet, &before_int_);
    ::sigaction(SIGTERM, &quiet, &before_term_);
  }
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;
  ~interruption() {
    ::sigaction(SIGINT, &before_int_, nullptr);
    ::sigaction(SIGTERM, &before_term_, nullptr);
  }
  bool asked() const noexcept { return asked_ != 0; }

 private:
  static inline volatile std::sig_atomic_t asked_ = 0;  // a signal has no other way to say it
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
};

}  // namespace disk
