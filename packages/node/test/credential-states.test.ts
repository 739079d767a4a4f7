/** What registries say of our credentials, without the credentials. */
import t from 'tap';
import { CredentialStates } from '../src/credential-states.ts';
import { CREDENTIAL_STATES_MAX } from '../src/limits.ts';

t.test('the last word of each registry, and what is counted', (t) => {
  const counted: string[] = [];
  const states = new CredentialStates((outcome) => counted.push(outcome));
  states.observe({ registry: 'b.example', outcome: 'granted' });
  states.observe({ registry: 'a.example', outcome: 'refused', reason: 'expired' });
  states.observe({ registry: 'c.example', outcome: 'failed', reason: 'no answer' });
  states.observe({ registry: 'b.example', outcome: 'granted' });
  t.match(states.list(), [
    { registry: 'a.example', state: 'refused', reason: 'expired' },
    { registry: 'b.example', state: 'accepted' },
    { registry: 'c.example', state: 'unknown', reason: 'no answer' },
  ]);
  t.same(counted, ['renewed', 'failed', 'failed', 'renewed']);
  for (let at = 0; at <= CREDENTIAL_STATES_MAX; at++) {
    states.observe({ registry: `r${at}.example`, outcome: 'granted' });
  }
  t.equal(states.list().length, CREDENTIAL_STATES_MAX);
  t.end();
});
