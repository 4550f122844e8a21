import { describe, expect, it } from 'vitest';
import { Metrics } from '../../host/metrics/metrics.ts';

describe('Metrics', () => {
  const create = () =>
    new Metrics({
      waiting: () => 3,
      held: () => 4,
      heartbeatAge: () => 0.5,
      usersFileOk: () => false,
      tokensFileOk: () => false,
      configStatus: () => ({ ok: false, loadedAt: 1_760_000_000_500 }),
    });
  const samples = async (metrics: Metrics) =>
    (await metrics.text()).split('\n').filter(line => line.startsWith('postern_'));

  it('shows every label from the beginning', async () => {
    expect(await samples(create())).toEqual([
      'postern_password_verifications_total{result="success"} 0',
      'postern_password_verifications_total{result="failure"} 0',
      'postern_password_verifications_total{result="error"} 0',
      'postern_token_verifications_total{result="success"} 0',
      'postern_token_verifications_total{result="failure"} 0',
      'postern_authentication_attempts_total{result="success"} 0',
      'postern_authentication_attempts_total{result="failure"} 0',
      'postern_authentication_attempts_total{result="banned"} 0',
      'postern_bans_total{kind="user"} 0',
      'postern_bans_total{kind="address"} 0',
      'postern_bans_total{kind="device"} 0',
      'postern_bans_total{kind="unknown"} 0',
      'postern_sessions_begun_total 0',
      'postern_sessions_ended_total 0',
      'postern_grants_total{result="written"} 0',
      'postern_grants_total{result="oversized"} 0',
      'postern_grants_total{result="no-table"} 0',
      'postern_grants_total{result="write-error"} 0',
      'postern_grants_revoked_total 0',
      'postern_decisions_total{verdict="allow"} 0',
      'postern_decisions_total{verdict="challenge"} 0',
      'postern_decisions_total{verdict="forbid"} 0',
      'postern_decisions_total{verdict="bad-request"} 0',
      'postern_decisions_total{verdict="too-large"} 0',
      'postern_decisions_total{verdict="busy"} 0',
      'postern_deferrals_total{reason="accepted"} 0',
      'postern_deferrals_total{reason="repeated"} 0',
      'postern_deferrals_total{reason="malformed"} 0',
      'postern_deferrals_total{reason="mac"} 0',
      'postern_deferrals_total{reason="expired"} 0',
      'postern_deferrals_total{reason="future"} 0',
      'postern_deferrals_total{reason="policy"} 0',
      'postern_users_file_errors_total 0',
      'postern_elasticsearch_provisions_total{result="ready"} 0',
      'postern_elasticsearch_provisions_total{result="bad-request"} 0',
      'postern_elasticsearch_provisions_total{result="refused"} 0',
      'postern_elasticsearch_provisions_total{result="unavailable"} 0',
      'postern_shared_store_losses_total{reason="flushed"} 0',
      'postern_shared_store_losses_total{reason="missed-events"} 0',
      'postern_shared_store_losses_total{reason="first-contact"} 0',
      'postern_config_reloads_total{result="success"} 0',
      'postern_config_reloads_total{result="failure"} 0',
      'postern_password_queue_length 3',
      'postern_logins_held 4',
      'postern_heartbeat_age_seconds 0.5',
      'postern_users_file_ok 0',
      'postern_tokens_file_ok 0',
      'postern_shared_store_up 1',
      'postern_shared_store_last_contact_timestamp_seconds 0',
      'postern_config_ok 0',
      'postern_config_last_success_timestamp_seconds 1760000000.5',
    ]);
  });

  it('counts', async () => {
    const metrics = create();
    metrics.verified('success');
    metrics.verified('success');
    metrics.tokenJudged('failure');
    metrics.issued('written');
    metrics.revoked(2);
    metrics.decided('allow');
    metrics.deferred('expired');
    metrics.usersFileError();
    metrics.configRead('failure');
    expect((await samples(metrics)).filter(line => / [12]$/.test(line))).toEqual([
      'postern_password_verifications_total{result="success"} 2',
      'postern_token_verifications_total{result="failure"} 1',
      'postern_grants_total{result="written"} 1',
      'postern_grants_revoked_total 2',
      'postern_decisions_total{verdict="allow"} 1',
      'postern_deferrals_total{reason="expired"} 1',
      'postern_users_file_errors_total 1',
      'postern_config_reloads_total{result="failure"} 1',
      'postern_shared_store_up 1',
    ]);
  });

  it('tells CPU time and memory of the process', async () => {
    const text = await create().text();
    expect(Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(0);
    expect(Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(1e6);
  });
});
