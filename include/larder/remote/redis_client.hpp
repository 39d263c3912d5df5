#pragma once

// Commands to a Redis server, or to the servers of a cluster: connections are kept, pipelines bounded, redirections followed.
//
// A cluster is noticed by its first MOVED; from then on its slots are known and each key goes to its server at once. MOVED
// renews what is known, ASK sends one command elsewhere; after five in a row the exchange fails. When a server cannot be
// reached the others are asked who serves its slots now, for the exchanges that follow. Redirections name hosts: who may answer
// as the server says where the password goes, which is why it leaves this machine only when the settings allow it.
//
// Each server has a circuit: one that keeps failing is left alone for a while. It fails when it cannot be reached, falls
// silent, breaks off, says what nobody understands, or that it is loading, busy or without the rest of its cluster; whatever
// else it refuses shows that it is well. An exchange goes twice at most: once more, over a new connection, when a connection
// broke before an answer began.

#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/remote/circuit.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/redis_address.hpp>
#include <larder/remote/redis_command.hpp>
#include <larder/remote/redis_connection.hpp>
#include <larder/remote/redis_error.hpp>
#include <larder/remote/redis_pool.hpp>
#include <larder/remote/redis_reply.hpp>
#include <larder/remote/redis_slots.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

struct redis_settings {
  redis_address address;
  redis_login login;
  std::size_t connections = 16;                       ///< per server, at most
  std::uint64_t pipeline = std::uint64_t{16} << 20U;  ///< bytes of requests and answers under way in one exchange
  std::chrono::milliseconds lookup_budget{0};         ///< for a look-up, from its beginning to that of its first answer; 0: none
  circuit_breaker_options breaker{};                  ///< for each server
};

/// How an exchange is meant.
struct redis_exchange {
  bool repeatable = true;  ///< sent again when the connection broke before an answer began
  bool tolerant = false;   ///< commands that the server refuses are left out
  bool lookup = false;     ///< has the settings' `lookup_budget`, tries and redirections included
  std::stop_token stop{};
};

/// Safe from many threads. A child of `fork` opens connections of its own.
class redis_client {
 public:
  /// Throws `larder::error` for a breaker or a budget that makes no sense; sends nothing.
  explicit redis_client(redis_settings settings) : settings_(std::move(settings)) {
    static_cast<void>(circuit<>({}, settings_.breaker));
    if (settings_.lookup_budget.count() < 0)
      core::fail(error_cause::invalid_argument, "lookup_budget must not be negative; 0 is none");
  }

  const redis_settings& settings() const noexcept { return settings_; }

  /// Throws for an answer of a type that the command does not have.
  [[noreturn]] void fail_unexpected() const {
    core::fail(error_cause::server,
               settings_.address.printable() + " gave an answer of another kind than the command has; is it a Redis server?");
  }

  /// Sends commands about one key (or keys of its slot) and gives each answer to `take(index, connection)`, which reads exactly
  /// one reply; answers of one server come in the commands' order. What the server refuses is thrown when all answers were
  /// taken.
  template <class Take>
  void run(std::string_view key, std::span<const redis_command> commands, Take&& take, const redis_exchange& how = {}) {
    servers& mine = servers_.get();
    run_at(mine, mine.of_slot(redis_slot(key)), commands, take, how);
  }
  /// One command, one reply.
  redis_reply ask(std::string_view key, const redis_command& command, const redis_exchange& how = {}) {
    redis_reply answer;
    run(
        key, {&command, 1}, [&](std::size_t, redis_connection& connection) { answer = connection.reply(); }, how);
    return answer;
  }

  /// f(each) for every server that has keys: one, or the masters of a cluster; `each(commands, take)` then is `run` on that
  /// server, for commands that name no key.
  template <class F>
  void for_each_server(F&& f) {
    servers& mine = servers_.get();
    for (server* const each : mine.all())
      f([this, &mine, each](std::span<const redis_command> commands, auto&& take, const redis_exchange& how) {
        this->run_at(mine, each, commands, take, how);
      });
  }

  /// An exchange with one server counts as one request, however many commands it has; each try for itself. What concerns single
  /// servers is this process's: the state is the worst of theirs, the times in which each was degraded are added.
  void add_to(remote_report& report) const {
    report.requests += requests_.load();
    report.retries += retries_.load();
    report.lookups_over_budget += over_budget_.load();
    if (servers* const mine = servers_.find()) mine->add_to(report);
  }

 private:
  using time_point = redis_connection::time_point;

  static constexpr int most_redirections = 5;

  /// What one server said: where else to ask, and what it refused first.
  struct conversation {
    std::optional<redis_redirection> moved{};
    std::optional<std::string> refused{};
  };

  /// One server: its connections, and whether it is taken to be well.
  class server {
   public:
    server(redis_address address, const redis_settings& settings)
        : pool(std::move(address), settings.login, settings.connections), health({}, settings.breaker) {}

    /// What `f(failed)` returns; a `send_error` at once when the server failed lately. `failed`: how many tries did so before
    /// the last.
    template <class F>
    conversation talk(F&& f) {
      return health.run([&] { return "a request to " + pool.address().printable(); },
                        [&](circuit<>::outcome& went) {
                          conversation had = f(went.failed);
                          const redis_failure meant = had.refused ? meaning_of_redis_error(*had.refused) : redis_failure{};
                          if (meant.is_down) went.failure = "answered " + std::string(meant.code);
                          return had;
                        });
    }

    redis_pool pool;
    circuit<> health;
  };

  /// Commands for one server.
  struct group {
    redis_client::server* server;
    bool asking;
    std::vector<std::size_t> commands;
  };

  /// What one process knows of the servers. They stay where they are until the end.
  class servers {
   public:
    explicit servers(const redis_settings* settings) : settings_(*settings), seed_(&find(settings->address)) {}

    const redis_settings& settings() const noexcept { return settings_; }

    server* of_slot(std::uint16_t slot) {
      const std::lock_guard guard(mutex_);
      if (!slots_) return seed_;
      const redis_address* const master = slots_->find(slot);
      return master == nullptr ? seed_ : &find(*master);
    }
    server& at(const redis_address& address) {
      const std::lock_guard guard(mutex_);
      return find(address);
    }
    /// One, or each master of a cluster.
    std::vector<server*> all() {
      {
        const std::lock_guard guard(mutex_);
        if (known_single_) return {seed_};
      }
      try {
        learn(*seed_, time_point::max());
      } catch (const error&) {
        const std::lock_guard guard(mutex_);
        if (!slots_) throw;
      }
      const std::lock_guard guard(mutex_);
      std::vector<server*> out;
      if (slots_)
        for (const redis_address& master : slots_->masters()) out.push_back(&find(master));
      if (out.empty()) out.push_back(seed_);
      return out;
    }
    void moved(const redis_redirection& where, time_point answer_by) {
      try {
        learn(at(where.target), answer_by);
      } catch (const error&) {  // then this slot is all that is known
      }
      const std::lock_guard guard(mutex_);
      if (!slots_) slots_.emplace();
      slots_->assign(where.slot, where.target);
    }
    /// A server cannot be reached: whichever of some others answers says who serves what. All of them together have as long as a
    /// look-up.
    void lost(const server& gone) noexcept {
      std::vector<server*> others;
      try {
        const std::lock_guard guard(mutex_);
        if (!slots_) return;
        for (const auto& each : servers_)
          if (each.get() != &gone && others.size() < most_asked) others.push_back(each.get());
      } catch (const std::exception&) {
        return;
      }
      const time_point by = answer_by_of(settings_);
      for (server* const each : others) {
        try {
          if (learn(*each, by)) return;
        } catch (const std::exception&) {  // the next one, then
        }
      }
    }
    void add_to(remote_report& report) {
      const std::lock_guard guard(mutex_);
      for (const auto& each : servers_) each->health.add_to(report);
    }

   private:
    static constexpr std::size_t most_asked = 3;  // each may take as long as a connection may

    server& find(const redis_address& address) {
      for (const auto& each : servers_)
        if (each->pool.address() == address) return *each;
      constexpr std::size_t most_servers = 1000;  // a cluster is recommended to have at most so many
      if (servers_.size() >= most_servers)
        core::fail(error_cause::server, settings_.address.printable() + " named more than " + std::to_string(most_servers) +
                                            " servers of its cluster");
      return *servers_.emplace_back(std::make_unique<server>(address, settings_));
    }
    /// Asks a server who serves the slots; false when it is not one of a cluster.
    bool learn(server& asked, time_point answer_by) {
      redis_reply answer;
      static_cast<void>(asked.talk([&](unsigned&) {
        const redis_pool::lease connection = asked.pool.take(false, {}, answer_by);
        const redis_command question{"CLUSTER", "SLOTS"};
        connection->begin({}, answer_by);
        connection->queue(question);
        connection->flush();
        answer = connection->reply();
        return answer.is(redis_reply::type::error) ? conversation{{}, answer.text} : conversation{};
      }));
      std::optional<redis_slots> read = redis_slots::read(answer, asked.pool.address());
      const std::lock_guard guard(mutex_);
      if (read && !read->masters().empty()) {
        slots_ = std::move(read);
        const std::vector<redis_address> masters = slots_->masters();
        for (const auto& each : servers_)
          if (std::find(masters.begin(), masters.end(), each->pool.address()) == masters.end()) each->health.forget();
      } else if (&asked == seed_ && answer.is(redis_reply::type::error) && redis_error_code(answer.text) == "ERR") {
        known_single_ = true;  // "This instance has cluster support disabled"
      }
      return slots_.has_value();
    }

    const redis_settings& settings_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<server>> servers_;
    server* seed_;
    std::optional<redis_slots> slots_;  // of a cluster
    bool known_single_ = false;
  };

  /// When the answer to a look-up that begins now must have begun.
  static time_point answer_by_of(const redis_settings& settings) {
    return settings.lookup_budget.count() > 0 ? redis_socket::clock::now() + settings.lookup_budget : time_point::max();
  }

  /// Sends all of the commands to one server, and what it redirects to where that leads.
  template <class Take>
  void run_at(servers& mine, server* first, std::span<const redis_command> commands, Take& take, const redis_exchange& how) {
    const time_point answer_by = how.lookup ? answer_by_of(settings_) : time_point::max();
    std::vector<group> now;
    now.push_back({first, false, std::vector<std::size_t>(commands.size())});
    std::iota(now.front().commands.begin(), now.front().commands.end(), std::size_t{0});
    for (int redirected = 0; !now.empty(); ++redirected) {
      if (redirected > most_redirections)
        core::fail(error_cause::server, "a request was redirected more than " + std::to_string(most_redirections) +
                                            " times by the cluster of " + mine.settings().address.printable());
      std::vector<group> next;
      for (const group& each : now) {
        const conversation had = run_group(mine, each, commands, take, how, answer_by, next);
        if (had.refused && !how.tolerant) fail_redis(each.server->pool.address().printable(), *had.refused);
        if (had.moved) mine.moved(*had.moved, answer_by);
      }
      now = std::move(next);
    }
  }

  /// The exchange with one server; what it redirects goes to `next`, and the last MOVED is told.
  template <class Take>
  conversation run_group(servers& mine, const group& what, std::span<const redis_command> commands, Take& take,
                         const redis_exchange& how, time_point answer_by, std::vector<group>& next) {
    try {
      return what.server->talk([&](unsigned& failed) {
        for (bool again = false;; again = true) {
          bool used = true;
          bool broken = false;  // before an answer began
          requests_.add();
          if (again) retries_.add();
          try {
            const redis_pool::lease connection = what.server->pool.take(again, how.stop, answer_by);
            used = connection.is_used();
            broken = true;
            connection->begin(how.stop, answer_by);
            return converse(mine, *connection, what, commands, take, broken, next);  // the connection goes back first
          } catch (const error& failure) {
            if (again || !broken || !how.repeatable || failure.cause() != error_cause::network) throw;
            failed += used ? 0 : 1;  // an idle connection may be closed
          }
        }
      });
    } catch (const send_error& failure) {
      take_note(failure, failure.tries() != 0, mine, *what.server, answer_by);
      throw;
    } catch (const error& failure) {
      take_note(failure, true, mine, *what.server, answer_by);
      throw;
    }
  }

  /// Of a failed exchange; `left`: it left this machine, so that it says something about the server.
  template <class Server>
  void take_note(const error& failure, bool left, servers& mine, Server& asked, time_point answer_by) {
    const bool late = failure.cause() == error_cause::timeout;
    if (late && redis_socket::clock::now() >= answer_by) over_budget_.add();
    if (left && (late || failure.cause() == error_cause::network)) mine.lost(asked);
  }

  template <class Take>
  static conversation converse(servers& mine, redis_connection& connection, const group& what,
                               std::span<const redis_command> commands, Take& take, bool& unanswered, std::vector<group>& next) {
    const redis_command asking{"ASKING"};
    conversation had;
    std::uint64_t under_way = 0;
    std::size_t sent = 0;
    for (std::size_t taken = 0; taken < what.commands.size(); ++taken) {
      bool more = false;
      while (sent < what.commands.size() &&
             (sent == taken || under_way + commands[what.commands[sent]].weight() <= mine.settings().pipeline)) {
        const redis_command& each = commands[what.commands[sent++]];
        if (what.asking) connection.queue(asking);
        connection.queue(each);
        under_way += each.weight();
        more = true;
      }
      if (more) connection.flush();
      const std::size_t index = what.commands[taken];
      if (what.asking) static_cast<void>(connection.reply());
      const bool failed = connection.is_error_next();
      unanswered = false;
      if (failed) {
        std::string text = connection.reply().text;
        if (std::optional<redis_redirection> to = parse_redirection(text, connection.address())) {
          add(next, mine.at(to->target), to->ask, index);
          if (!to->ask) had.moved = std::move(to);
        } else if (!had.refused) {
          had.refused = std::move(text);
        }
      } else {
        take(index, connection);
      }
      under_way -= commands[index].weight();
    }
    return had;
  }

  static void add(std::vector<group>& to, server& server, bool asking, std::size_t command) {
    for (group& each : to)
      if (each.server == &server && each.asking == asking) return each.commands.push_back(command);
    to.push_back({&server, asking, {command}});
  }

  const redis_settings settings_;
  sync::per_process<servers, const redis_settings*> servers_{&settings_};
  sync::counter<true> requests_, retries_, over_budget_;
};

}  // namespace larder::remote
