#include "judge/answer_store.h"

#include <cstdlib>

#include "base/error.h"
#include "base/file_system.h"
#include "base/json.h"
#include "judge/json_string.h"

namespace polaris {
namespace {

constexpr std::int64_t kVersion = 1;

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS calls (
  id INTEGER PRIMARY KEY,
  request_hash TEXT NOT NULL,
  run_id TEXT NOT NULL,
  owner INTEGER NOT NULL,      -- who asked; see OwnerLock
  attempt INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  max_cost_usd REAL NOT NULL,
  state TEXT NOT NULL,         -- asked | answered | failed | maybe_billed
  answer TEXT,                 -- the model's, as JSON
  failure TEXT,
  message TEXT,
  cost_usd REAL,
  price_date TEXT,
  latency_s REAL
);
CREATE INDEX IF NOT EXISTS calls_by_hash ON calls (request_hash);
CREATE INDEX IF NOT EXISTS calls_by_run ON calls (run_id);
CREATE TABLE IF NOT EXISTS claims (request_hash TEXT PRIMARY KEY, owner INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS servers (server TEXT PRIMARY KEY, form TEXT NOT NULL, learned REAL);
)";

std::string answer_text(const ModelAnswer& answer) {
  return dump_json({{"text", answer.text},
                    {"finish", static_cast<int>(answer.finish)},
                    {"refusal", answer.refusal},
                    {"input", answer.usage.input_tokens},
                    {"cached_input", answer.usage.cached_input_tokens},
                    {"output", answer.usage.output_tokens},
                    {"reasoning", answer.usage.reasoning_tokens},
                    {"served_model", or_null(answer.served_model)},
                    {"service_tier", or_null(answer.service_tier)},
                    {"request_id", or_null(answer.request_id)}});
}

/// The members of a stored answer. Its `text` is the last one, since keys are sorted, and nearly
/// all of it.
Json members_of(const std::string& stored) {
  constexpr std::string_view kKey = ",\"text\":";  // inside a string its marks would be escaped
  const auto key = stored.find(kKey);
  if (key == std::string::npos || !stored.ends_with('}')) return Json::parse(stored);
  const auto begin = key + kKey.size();
  auto text = text_of_json_string(
      std::string_view(stored).substr(begin, stored.size() - begin - std::size_t{1}));
  if (!text) return Json::parse(stored);
  Json json = Json::parse(stored.substr(0, key) + "}");
  json["text"] = *std::move(text);
  return json;
}

ModelAnswer answer_from(const std::string& stored) {
  Json json = members_of(stored);
  const auto optional_text = [&](const char* key) {
    return json.at(key).is_null() ? std::nullopt : std::optional(json.at(key).get<std::string>());
  };
  return {.text = std::move(json.at("text").get_ref<std::string&>()),
          .finish = static_cast<ModelFinish>(json.at("finish").get<int>()),
          .refusal = json.at("refusal").get<std::string>(),
          .usage = {.input_tokens = json.at("input").get<std::int64_t>(),
                    .cached_input_tokens = json.at("cached_input").get<std::int64_t>(),
                    .output_tokens = json.at("output").get<std::int64_t>(),
                    .reasoning_tokens = json.at("reasoning").get<std::int64_t>()},
          .served_model = optional_text("served_model"),
          .service_tier = optional_text("service_tier"),
          .request_id = optional_text("request_id")};
}

/// Opens the file and makes its tables.
Database open_store(const std::filesystem::path& file) {
  Database database(file);
  Transaction transaction(database);
  Database::Statement version = database.prepare("PRAGMA user_version");
  const std::int64_t found = version.step() ? version.integer(0) : 0;
  version.reset();
  if (found > kVersion)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{} was written by a newer program (version {}); set judge.cache to "
                            "another file",
                            file.string(), found));
  database.run(kSchema);
  database.run(fmt::format("PRAGMA user_version = {}", kVersion).c_str());
  transaction.commit();
  return database;
}

std::filesystem::path made_folder(const std::filesystem::path& file) {
  real_file_system().create_directories(folder_of(file));
  return file;
}

}  // namespace

JudgementRecord record_of(const StoredCall& call, Grade grade, const JudgeRequest& request,
                          const JudgeConfig& config, const JudgeSetup& setup) {
  JudgementRecord record = blank_record(request, config, setup);
  put_grade(std::move(grade), setup, record);
  record.run_id = call.run_id;
  record.request_hash = call.request_hash;
  record.attempt = call.attempt;
  record.cost_usd = call.cost_usd;
  record.price_date = call.price_date;
  record.latency_ms = static_cast<std::int64_t>(call.latency_s * 1000);
  record.started_at = call.started_at;
  if (!call.answer) return record;
  record.judge.served_model = call.answer->served_model;
  record.raw_text = call.answer->text;
  record.usage = call.answer->usage;
  record.service_tier = call.answer->service_tier;
  record.request_id = call.answer->request_id;
  return record;
}

AnswerStore::AnswerStore(const std::filesystem::path& file)
    : owner_(made_folder(file).string() + ".owners"),
      database_(open_store(file)),
      select_answers_(database_.prepare(
          "SELECT run_id, attempt, started_at, answer, failure, message, cost_usd, price_date, "
          "latency_s FROM calls WHERE request_hash = ? AND state = 'answered' ORDER BY id")),
      select_claim_(database_.prepare("SELECT owner FROM claims WHERE request_hash = ?")),
      insert_claim_(database_.prepare("INSERT OR REPLACE INTO claims VALUES (?, ?)")),
      delete_claim_(database_.prepare("DELETE FROM claims WHERE request_hash = ? AND owner = ?")),
      insert_call_(database_.prepare(
          "INSERT INTO calls (request_hash, run_id, owner, attempt, started_at, max_cost_usd, "
          "state) VALUES (?, ?, ?, ?, ?, ?, 'asked')")),
      update_call_(database_.prepare(
          "UPDATE calls SET state = ?, answer = ?, failure = ?, message = ?, cost_usd = ?, "
          "price_date = ?, latency_s = ? WHERE id = ?")) {}

std::vector<StoredCall> AnswerStore::answers(const std::string& request_hash) {
  const std::lock_guard lock(mutex_);
  std::vector<StoredCall> calls;
  auto& row = select_answers_.bind(request_hash);
  while (row.step()) {
    StoredCall call{.request_hash = request_hash,
                    .run_id = row.text(0),
                    .attempt = static_cast<int>(row.integer(1)),
                    .started_at = row.text(2),
                    .message = row.text(5),
                    .cost_usd = row.optional_number(6),
                    .price_date = row.optional_text(7),
                    .latency_s = row.number(8)};
    try {
      call.answer = answer_from(row.text(3));
    } catch (const Json::exception&) {
      continue;  // somebody's hand was in the file: as if it were not there
    }
    if (const auto failure = row.optional_text(4)) call.failure = failure_named(*failure);
    calls.push_back(std::move(call));
  }
  return calls;
}

bool AnswerStore::claim(const std::string& request_hash) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  std::optional<std::int64_t> owner;
  if (select_claim_.bind(request_hash).step()) owner = select_claim_.integer(0);
  select_claim_.reset();
  if (owner && *owner != owner_.id() && owner_.lives(*owner)) return false;
  insert_claim_.bind(request_hash).bind(owner_.id()).step();
  transaction.commit();
  return true;
}

void AnswerStore::release(const std::string& request_hash) {
  const std::lock_guard lock(mutex_);
  delete_claim_.bind(request_hash).bind(owner_.id()).step();
}

std::int64_t AnswerStore::begin(const StoredCall& intent) {
  const std::lock_guard lock(mutex_);
  insert_call_.bind(intent.request_hash)
      .bind(intent.run_id)
      .bind(owner_.id())
      .bind(std::int64_t{intent.attempt})
      .bind(intent.started_at)
      .bind(intent.max_cost_usd)
      .step();
  return database_.last_row();
}

void AnswerStore::finish(std::int64_t call, const StoredCall& result) {
  const char* state = result.answer ? "answered" : result.maybe_billed ? "maybe_billed" : "failed";
  std::optional<std::string> answer;
  if (result.answer) answer = answer_text(*result.answer);
  std::optional<std::string> failure;
  if (result.failure) failure = failure_name(*result.failure);
  const std::lock_guard lock(mutex_);
  update_call_.bind(std::string_view(state))
      .bind(answer)
      .bind(failure)
      .bind(std::string_view(result.message))
      .bind(result.cost_usd)
      .bind(result.price_date)
      .bind(result.latency_s)
      .bind(call)
      .step();
}

AnswerStore::Spending AnswerStore::spending(const std::string& run_id) {
  const std::lock_guard lock(mutex_);
  Spending spending;
  Database::Statement row = database_.prepare(
      "SELECT state, owner, COALESCE(cost_usd, 0), max_cost_usd FROM calls WHERE run_id = ?");
  row.bind(run_id);
  while (row.step()) {
    const std::string state = row.text(0);
    spending.usd += row.number(2);
    const bool is_cut_off =
        state == "asked" && !owner_.lives(row.integer(1)) && row.integer(1) != owner_.id();
    if (!is_cut_off && state != "maybe_billed") continue;
    spending.possible_usd += row.number(3);
    ++spending.possible_calls;
  }
  return spending;
}

std::optional<AnswerStore::KnownForm> AnswerStore::known_form(const std::string& server) {
  const std::lock_guard lock(mutex_);
  Database::Statement row = database_.prepare("SELECT form, learned FROM servers WHERE server = ?");
  if (!row.bind(server).step()) return std::nullopt;
  return KnownForm{.form = row.text(0), .learned_wall_s = row.number(1)};
}

void AnswerStore::set_known_form(const std::string& server, const KnownForm& known) {
  const std::lock_guard lock(mutex_);
  database_.prepare("INSERT OR REPLACE INTO servers VALUES (?, ?, ?)")
      .bind(server)
      .bind(std::string_view(known.form))
      .bind(known.learned_wall_s)
      .step();
}

std::filesystem::path answer_store_path(const std::string& configured) {
  if (!configured.empty()) return configured;
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  // A relative XDG_CACHE_HOME is to be ignored (XDG Base Directory Specification).
  if (const auto cache = variable("XDG_CACHE_HOME"); cache.is_absolute())
    return cache / "polaris" / "judge.db";
  if (const auto home = variable("HOME"); home.is_absolute())
    return home / ".cache" / "polaris" / "judge.db";
  throw Error(ErrorCode::kInvalidConfig,
              "there is no folder for stored answers: set judge.cache, XDG_CACHE_HOME or HOME");
}

}  // namespace polaris
