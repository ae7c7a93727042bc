#include "text/tokenizer_file.h"

#include <limits>
#include <utility>

#include "base/error.h"

namespace polaris {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;

/// The texts of all merges in one string: left and right of one merge, then the next.
struct MergeTexts {
  struct Lengths {
    std::uint32_t left;
    std::uint32_t right;
  };
  std::string texts;
  std::vector<Lengths> lengths;
};

/// Receives the events of nlohmann's parser. Everything but the two large tables becomes `rest`.
class Reader {
 public:
  Reader(TokenizerFile& file, std::string_view where) : file_(file), where_(where) {}

  const MergeTexts& merges() const { return merges_; }

  bool null() { return value(nullptr); }
  bool boolean(bool v) { return value(v); }
  bool number_integer(Json::number_integer_t v) { return value(v); }
  bool number_unsigned(Json::number_unsigned_t v) {
    return table_ == Table::kVocabulary ? token(v) : value(v);
  }
  bool number_float(Json::number_float_t v, const std::string&) { return value(v); }
  bool string(std::string& v) {
    return table_ == Table::kMerges ? merge_text(v) : value(std::move(v));
  }
  bool binary(Json::binary_t&) { return false; }

  bool start_object(std::size_t) {
    if (table_ == Table::kNone && at_model("vocab")) {
      table_ = Table::kVocabulary;
      return add(nullptr);
    }
    return open(Json::object());
  }
  bool end_object() { return close(); }
  bool start_array(std::size_t) {
    if (table_ == Table::kMerges && !in_pair_) {
      in_pair_ = true;
      return true;
    }
    if (table_ == Table::kNone && at_model("merges")) {
      table_ = Table::kMerges;
      return add(nullptr);
    }
    if (at_model("vocab"))
      throw error("model.vocab is a list, so the model is no BPE; supported: BPE");
    return open(Json::array());
  }
  bool end_array() {
    if (!in_pair_) return close();
    if (pair_.size() != 2) throw merge_error("expected two tokens");
    add_merge(pair_[0], pair_[1]);
    pair_.clear();
    in_pair_ = false;
    return true;
  }

  bool key(std::string& key) {
    if (table_ == Table::kNone && open_.back()->contains(key))
      throw error(fmt::format("the key \"{}\" stands twice in one object", key));
    key_ = std::move(key);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& last_token, const Json::exception&) {
    throw error(fmt::format("not JSON: byte {}, near \"{}\"", position, last_token.substr(0, 40)));
  }

 private:
  enum class Table { kNone, kVocabulary, kMerges };

  Error error(std::string_view message) const {
    return {ErrorCode::kInvalidData, fmt::format("{}: {}", where_, message)};
  }
  Error merge_error(std::string_view message) const {
    return error(fmt::format("model.merges[{}]: {}", merges_.lengths.size(), message));
  }

  bool at_model(std::string_view key) const {
    return open_.size() == 2 && open_[0]->is_object() && open_[1]->is_object() && key_ == key &&
           open_[0]->contains("model") && &open_[0]->at("model") == open_[1];
  }

  bool value(Json v) {
    if (table_ == Table::kVocabulary)
      throw error(fmt::format("model.vocab: the id of \"{}\" is no whole number from 0 on", key_));
    if (table_ == Table::kMerges) throw merge_error("expected \"left right\" or [left, right]");
    return add(std::move(v));
  }

  bool add(Json v) {
    place(std::move(v));
    return true;
  }

  Json& place(Json v) {
    if (open_.empty()) return file_.rest = std::move(v);
    Json& parent = *open_.back();
    if (parent.is_object()) return parent[key_] = std::move(v);
    parent.push_back(std::move(v));
    return parent.back();
  }

  bool open(Json container) {
    if (table_ != Table::kNone) return value(nullptr);  // throws
    if (open_.size() >= kMaxJsonDepth)
      throw error(fmt::format("nested deeper than {} levels", kMaxJsonDepth));
    open_.push_back(&place(std::move(container)));
    return true;
  }

  bool close() {
    if (table_ != Table::kNone) {
      table_ = Table::kNone;
    } else {
      open_.pop_back();
    }
    return true;
  }

  bool token(std::uint64_t id) {
    if (id >= file_.id_limit)
      throw error(fmt::format("model.vocab: the id {} of \"{}\" is out of range", id, key_));
    if (!file_.vocabulary.add(key_, static_cast<TokenId>(id)))
      throw error(fmt::format("model.vocab: the token \"{}\" or its id {} stands twice", key_, id));
    return true;
  }

  bool merge_text(std::string& text) {
    if (in_pair_) {
      if (pair_.size() == 2) throw merge_error("expected two tokens");
      pair_.push_back(std::move(text));
      return true;
    }
    const std::string_view whole = text;
    const auto space = whole.find(' ');
    if (space == whole.npos || whole.find(' ', space + 1) != whole.npos)
      throw merge_error("expected two tokens with one space between them");
    add_merge(whole.substr(0, space), whole.substr(space + 1));
    return true;
  }

  void add_merge(std::string_view left, std::string_view right) {
    merges_.texts += left;
    merges_.texts += right;
    merges_.lengths.push_back(
        {static_cast<std::uint32_t>(left.size()), static_cast<std::uint32_t>(right.size())});
  }

  TokenizerFile& file_;
  std::string where_;
  std::vector<Json*> open_;  // from the document down to where we are; the tables are not in it
  std::string key_;
  Table table_ = Table::kNone;
  MergeTexts merges_;
  std::vector<std::string> pair_;  // the merge [left, right] being read
  bool in_pair_ = false;
};

MergeTable resolve(const MergeTexts& merges, const Vocabulary& vocabulary, std::string_view where) {
  MergeTable table;
  table.reserve(merges.lengths.size());
  std::size_t begin = 0;
  for (std::size_t rank = 0; rank < merges.lengths.size(); ++rank) {
    const auto [left_length, right_length] = merges.lengths[rank];
    const auto both = std::string_view(merges.texts).substr(begin, left_length + right_length);
    begin += both.size();
    const auto id_of = [&](std::string_view token) {
      const auto id = vocabulary.find(token);
      if (!id)
        throw Error(
            ErrorCode::kInvalidData,
            fmt::format("{}: model.merges[{}]: \"{}\" is not in model.vocab", where, rank, token));
      return *id;
    };
    const TokenId left = id_of(both.substr(0, left_length));
    const TokenId right = id_of(both.substr(left_length));
    table.add(left, right, {.rank = static_cast<std::uint32_t>(rank), .result = id_of(both)});
  }
  return table;
}

}  // namespace

TokenizerFile read_tokenizer_file(std::string_view text, std::string_view where) {
  if (text.size() > kMaxFileBytes)
    throw Error(ErrorCode::kInvalidData, fmt::format("{}: {} bytes; more than {} is refused", where,
                                                     text.size(), kMaxFileBytes));
  TokenizerFile file;
  file.id_limit = text.size();
  Reader reader(file, where);
  Json::sax_parse(text.begin(), text.end(), &reader);
  file.merges = resolve(reader.merges(), file.vocabulary, where);
  return file;
}

}  // namespace polaris
