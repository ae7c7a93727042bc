#pragma once

#include <string>

namespace polaris {

/// The address of this machine, as a number, from which `host` is reached: the one that other
/// machines reach too. Nothing is sent.
/// @throws Error{kInvalidConfig} if `host` has no address, or if there is no way to it
std::string address_towards(const std::string& host, int port);

/// The address of a network interface of this machine, "eth0".
/// @throws Error{kInvalidConfig} if it has none
std::string address_of_interface(const std::string& name);

/// Whether only this machine reaches itself there: 127.0.0.1 and its like.
bool is_loopback(const std::string& address);

}  // namespace polaris
