// The pages. Each makes its attempts, one after the other, and reports for each what a script can
// know about it: `opaque` (sent, and nothing of the answer is readable), `refused` (nothing was
// shown), a status, or the content.

/** Everything that a page of another site can send or embed without permission. */
export function foreignPage(name: string, victim: string, ids: readonly string[]): string {
  const posts = [
    ...ids.map((id) => `/v1/cluster/replicas/${id}/drain`),
    ...ids.map((id) => `/v1/cluster/replicas/${id}/forget?force`),
  ];
  return page(`
    const victim = ${JSON.stringify(victim)};
    for (const path of ${JSON.stringify(posts)}) await attempt('POST ' + path, async () => {
      const answer = await fetch(victim + path, { method: 'POST', mode: 'no-cors' });
      return answer.type;
    });
    await attempt('a form', () => new Promise((done) => {
      const frame = document.createElement('iframe');
      frame.name = 'sink';
      document.body.append(frame);
      const form = document.createElement('form');
      Object.assign(form, { action: victim + '/v1/cluster/replicas/${ids[0] ?? ''}/drain', method: 'POST', target: 'sink' });
      document.body.append(form);
      frame.onload = () => done('opaque');
      form.submit();
    }));
    await attempt('a beacon', async () => {
      navigator.sendBeacon(victim + '/v1/batch/demo', '{"ops":[{"op":"put","key":"planted","value":"x"}]}');
      return 'opaque';
    });
    const embed = (kind, path, more = {}) => new Promise((done) => {
      const element = Object.assign(document.createElement(kind), more);
      element.onload = () => done('loaded');
      element.onerror = () => done('refused');
      element.src = victim + path;
      document.body.append(element);
    });
    await attempt('an image', () => embed('img', '/v1/kv/demo/secret'));
    await attempt('a script', async () => {
      const seen = await embed('script', '/v1/kv/demo/script');
      return window.stolen ? 'stolen' : seen;
    });
    await attempt('a module', () => embed('script', '/v1/kv/demo/script', { type: 'module' }));
    const read = (path, options) => async () => {
      const answer = await fetch(victim + path, options);
      return answer.type === 'opaque' ? 'opaque' : await answer.text();
    };
    await attempt('reading a value', read('/v1/kv/demo/secret'));
    await attempt('reading the cluster', read('/v1/cluster', { mode: 'no-cors' }));
    await attempt('writing a value', read('/v1/kv/demo/planted', { method: 'PUT', body: 'x' }));
    await attempt('deleting a value', read('/v1/kv/demo/secret', { method: 'DELETE' }));
    await report('/report/${name}');
  `);
}

/** A page of an origin that the operator has configured. */
export function consolePage(name: string, victim: string): string {
  return page(`
    const url = ${JSON.stringify(`${victim}/v1/kv/demo/console`)};
    const headers = { 'If-None-Match': '*', 'Content-Type': 'text/plain' };
    await attempt('put', async () => {
      const answer = await fetch(url, { method: 'PUT', headers, body: 'from the console' });
      outcomes.version = String(answer.headers.get('Conit-Version'));
      return String(answer.status);
    });
    await attempt('get', async () => (await fetch(url)).text());
    await report('/report/${name}');
  `);
}

/**
 * A page whose name resolves to the replica once the page is loaded, so the browser sees one
 * origin.
 */
export function reboundPage(name: string, home: string): string {
  return page(`
    await fetch('/switch', { cache: 'no-store' });
    const status = (path, options) => async () => String((await fetch(path, { cache: 'no-store', ...options })).status);
    await attempt('reading the cluster', status('/v1/cluster'));
    await attempt('reading a value', status('/v1/kv/demo/secret'));
    await attempt('writing a value', status('/v1/kv/demo/planted', { method: 'PUT', body: 'x' }));
    await attempt('draining', status('/v1/cluster/replicas/eu-1/drain', { method: 'POST' }));
    await report(${JSON.stringify(home)} + '/report/${name}');
  `);
}

export function visitPage(target: string): string {
  return `<!doctype html><script>location = ${JSON.stringify(target)}</script>`;
}

function page(script: string): string {
  return `<!doctype html><meta charset="utf-8"><body><script type="module">
    const outcomes = {};
    const attempt = async (name, run) => {
      try { outcomes[name] = await run(); } catch { outcomes[name] = 'refused'; }
    };
    const report = (to) => fetch(to, { method: 'POST', mode: 'no-cors', body: JSON.stringify(outcomes) });
    ${script}
  </script>`;
}
