#pragma once

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace polaris {

/// Which ranks of a run live: every rank tells all others twice a second, in a datagram, how far it
/// has come, and why it has given up if it has. What is lost or late costs nothing but a name in an
/// error message, and nothing here ever waits for another rank.
class Heartbeat {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// The last that was heard from a rank.
  struct Word {
    std::optional<Time> heard;
    std::int64_t operation = 0;  ///< of the collective, counted from 1, that it came to
    bool left = false;           ///< it has ended in good order
    std::string failure;         ///< why it has given up; empty: it has not
  };

  /// @param address  of this machine, as a number
  /// @throws Error{kInvalidConfig} if it is not
  Heartbeat(int rank, const std::string& address);

  /// Tells the others that this rank has left.
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// Where the others reach this rank: "10.0.0.1:45123".
  const std::string& contact() const { return contact_; }

  /// Begins to tell and to listen. Call once.
  /// @param contacts  [size] those of all ranks
  void start(std::span<const std::string> contacts);

  void come_to(std::int64_t operation);

  /// Tells the others at once, and from now on.
  void give_up(const std::string& failure);

  /// @return [size] what the ranks said last; nothing for this one
  std::vector<Word> words() const;

 private:
  struct Destination {
    sockaddr_storage address{};
    socklen_t size = 0;
  };
  static Destination destination(const std::string& contact);
  void run();
  void tell() const;
  void listen();
  void hear(std::string_view datagram);

  int rank_;
  int socket_ = -1;
  std::string contact_;
  std::vector<Destination> destinations_;  // [size]; that of this rank is not used
  std::string run_;                        // tells apart the runs of a machine
  mutable std::mutex mutex_;
  Word own_;
  std::vector<Word> words_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace polaris
