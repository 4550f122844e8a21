import { unavailable } from './answers';
import { Exchange } from './exchange';
import { Gate } from './gate';
import { REFUSING_NO_KEY, reportDirectory, reportRefusal } from './report';
import { policyProblems, Startup } from './startup';
import { System } from './system';

/** The key is looked for again this often: the host may come up after the proxy. */
const RETRY_MS: u64 = 2_000;

/**
 * The guest in service. It never fails to start: a plugin that does makes its
 * routers vanish, and a router of lower priority may then serve the request.
 * What is wrong puts it into refusing mode, 503 for everything and one log line.
 */
export class Service {
  private gate: Gate | null = null;
  private startup: Startup;
  /** REFUSING_…; 0 when the gate is in service. */
  private refusing: i32 = 0;
  private reportedRefusal: i32 = 0;
  private retryAt: u64 = 0;
  private reportedDirectory: i32 = 0;

  constructor(
    private exchange: Exchange,
    private system: System,
  ) {
    this.startup = new Startup(exchange, system);
  }

  /**
   * Reads the configuration. To be called once the service hangs from a
   * module-level constant: it collects garbage. Mounts are left to the first
   * request: wazero panics on one that the proxy may not enter, which then
   * answers 500, where a plugin that did not start would leave its routers' hosts
   * to others.
   */
  start(): void {
    this.refusing = this.startup.configure();
    if (this.refusing == 0) this.refusing = REFUSING_NO_KEY;
    else this.report();
  }

  /** Judges the request at hand: true passes it on, false when it has been answered. */
  handle(now: u64): bool {
    if (this.refusing == REFUSING_NO_KEY) this.retry(now);
    let gate = this.gate;
    if (gate === null) {
      unavailable(this.exchange);
      return false;
    }
    let passes = gate.handle(now);
    let condition = gate.directory.condition;
    if (condition != this.reportedDirectory) {
      this.reportedDirectory = condition;
      reportDirectory(this.system, condition);
    }
    return passes;
  }

  private retry(now: u64): void {
    // A clock that went backwards must not make it wait for ever.
    if (now < this.retryAt && this.retryAt - now <= RETRY_MS) return;
    this.retryAt = now + RETRY_MS;
    this.gate = this.startup.open();
    this.refusing = this.gate === null ? this.startup.keyCondition : 0;
    this.report();
  }

  /** One line for each reason to refuse, not for each request. */
  private report(): void {
    if (this.refusing == this.reportedRefusal) return;
    this.reportedRefusal = this.refusing;
    if (this.refusing != 0) reportRefusal(this.system, this.refusing, policyProblems());
  }
}
