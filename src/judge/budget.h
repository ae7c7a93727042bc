#pragma once

namespace polaris {

/// What a run may spend. Every call reserves the most it can cost before it goes out and settles
/// for what it did cost, so the limit holds whatever is in flight. Plain data, no lock.
class Budget {
 public:
  /// @param limit_usd  0: no limit
  /// @param spent_usd  by earlier parts of the run, what may have been charged included
  Budget(double limit_usd, double spent_usd) : limit_usd_(limit_usd), spent_usd_(spent_usd) {}

  enum class Answer {
    kReserved,
    kLater,  ///< it may fit once calls in flight have settled
    kNever,  ///< it could exceed the limit
  };
  Answer reserve(double max_usd) {
    if (limit_usd_ <= 0) return Answer::kReserved;
    if (spent_usd_ + max_usd > limit_usd_) return Answer::kNever;
    if (spent_usd_ + reserved_usd_ + max_usd > limit_usd_) return Answer::kLater;
    reserved_usd_ += max_usd;
    return Answer::kReserved;
  }

  /// Ends a reservation of `max_usd`.
  void settle(double max_usd, double cost_usd) {
    if (limit_usd_ > 0) reserved_usd_ -= max_usd;
    spent_usd_ += cost_usd;
  }

  double limit_usd() const { return limit_usd_; }
  double spent_usd() const { return spent_usd_; }

 private:
  double limit_usd_;
  double spent_usd_;
  double reserved_usd_ = 0.0;
};

}  // namespace polaris
