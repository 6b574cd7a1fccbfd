/* SPDX-License-Identifier: MIT */
/* The message queue: GET and POST /api/v1/messages, /api/v1/sms/segments. ES5, like login.js. */
(function () {
  'use strict';

  var API = '/api/v1/messages';
  var PAGE = 50;
  var PAGE_MAX = 1000;
  var DAYS = 7; /* what is shown at first */
  var COUNT_MS = 300;
  var ACTIONS = { /* spec/messaging.md 3.9: what makes sense in a state */
    cancel: ['scheduled', 'pending', 'muted', 'forwarded-to-gateway'],
    retry: ['failed', 'expired']
  };
  var filter = document.getElementById('filter');
  var send = document.getElementById('send');
  var rows = document.querySelector('#list tbody');
  var more = document.getElementById('more');
  var none = document.getElementById('none');
  var say = document.getElementById('say');
  var count = document.getElementById('count');
  var cursor = null;
  var serial = 0; /* of the list: late answers of an older one are dropped */
  var key = null; /* of the message that is written: a repeat is not sent twice */
  var countTimer = null;

  function text(name) {
    return document.querySelector('[data-text="' + name + '"]').textContent;
  }

  function tell(message, isBad) {
    say.textContent = message;
    say.className = isBad ? 'say bad' : 'say';
    say.hidden = !message;
  }

  /* Asks, and calls done(value) or, after telling what went wrong, failed(). */
  function ask(method, path, body, headers, done, failed) {
    var request = new XMLHttpRequest();
    var name;
    request.open(method, path);
    request.setRequestHeader('Accept', 'application/json');
    if (body !== null) {
      request.setRequestHeader('Content-Type', 'application/json');
    }
    for (name in headers) {
      request.setRequestHeader(name, headers[name]);
    }
    request.onload = function () {
      var value = null;
      try {
        value = JSON.parse(request.responseText);
      } catch (e) { /* told below */ }
      if (request.status === 401) {
        location.href = '/medic/login?redirect=' + encodeURIComponent(location.pathname);
      } else if (request.status === 200 && value) {
        done(value);
      } else {
        tell(value && typeof value.error === 'string' ? value.error
             : text('failed') + ' (' + request.status + ')', true);
        failed();
      }
    };
    request.onerror = function () {
      tell(text('offline'), true);
      failed();
    };
    request.send(body === null ? null : JSON.stringify(body));
  }

  /* ---- the list ---- */

  function cell(row, className, content) {
    var td = document.createElement('td');
    td.className = className;
    if (typeof content === 'string') {
      td.textContent = content;
    } else if (content) {
      td.appendChild(content);
    }
    row.appendChild(td);
  }

  function stateOf(name) {
    var span = document.createElement('span');
    var good = ['sent', 'delivered'], bad = ['failed', 'expired', 'unrecognised', 'denied'];
    span.className = 'state' + (good.indexOf(name) >= 0 ? ' good' : bad.indexOf(name) >= 0 ? ' bad' : '');
    span.textContent = name || '?';
    return span;
  }

  /* Numbers and texts keep their own direction, whatever that of the page is. */
  function isolated(content, direction) {
    var bdi = document.createElement('bdi');
    bdi.dir = direction;
    bdi.textContent = content;
    return content ? bdi : null;
  }

  function addAction(box, message, action) {
    var button = document.createElement('button');
    button.type = 'button';
    button.className = 'quiet';
    button.textContent = text(action);
    button.setAttribute('aria-label', text(action) + ': ' + (message.to || ''));
    button.addEventListener('click', function () {
      button.disabled = true;
      ask('POST', API + '/' + encodeURIComponent(message.id) + '/' + action, null, {}, function () {
        tell(text('done'));
        reload();
      }, function () {
        button.disabled = false;
      });
    });
    box.appendChild(button);
  }

  function actionsOf(message) {
    var box = document.createElement('div');
    box.className = 'actions';
    if (!message.id) {
      return null;
    }
    if (ACTIONS.cancel.indexOf(message.state) >= 0) {
      addAction(box, message, 'cancel');
    } else if (message.state) {
      addAction(box, message, 'resend');
    }
    if (ACTIONS.retry.indexOf(message.state) >= 0) {
      addAction(box, message, 'retry');
    }
    return box;
  }

  function addRow(message) {
    var row = document.createElement('tr');
    cell(row, 'due', message.due ? new Date(message.due).toLocaleString() : '');
    cell(row, 'to', isolated(message.to || '', 'ltr'));
    cell(row, 'content', isolated(message.content || '', 'auto'));
    cell(row, 'state-cell', stateOf(message.state));
    cell(row, 'account', message.account || '');
    cell(row, 'do', actionsOf(message));
    rows.appendChild(row);
  }

  /* A day of the reader's own calendar as a time; @next: the end of it. */
  function dayTime(value, next) {
    var parts = value.split('-');
    return new Date(+parts[0], parts[1] - 1, +parts[2] + (next ? 1 : 0)).getTime();
  }

  function query() {
    var pairs = [];
    ['state', 'to', 'account', 'from', 'until'].forEach(function (name) {
      var value = filter.elements[name].value.trim();
      if (!value) {
        return;
      }
      if (name === 'from' || name === 'until') {
        value = dayTime(value, name === 'until');
      }
      pairs.push(name + '=' + encodeURIComponent(value));
    });
    return pairs;
  }

  /* Appends a page; with @limit rows wanted a page that came short is followed by the next. */
  function load(limit) {
    var mine = ++serial;
    var pairs = query();
    pairs.push('limit=' + limit);
    if (cursor) {
      pairs.push('cursor=' + encodeURIComponent(cursor));
    }
    more.disabled = true;
    rows.parentNode.setAttribute('aria-busy', 'true');
    ask('GET', API + '?' + pairs.join('&'), null, {}, function (page) {
      if (mine !== serial) {
        return;
      }
      page.messages.forEach(addRow);
      cursor = page.cursor;
      more.hidden = !cursor;
      more.disabled = false;
      none.hidden = rows.children.length > 0 || !!cursor;
      rows.parentNode.removeAttribute('aria-busy');
    }, function () {
      more.disabled = false;
      rows.parentNode.removeAttribute('aria-busy');
    });
  }

  function begin(limit) {
    cursor = null;
    rows.textContent = '';
    load(limit);
  }

  /* The same list again, as long as it was. */
  function reload() {
    begin(Math.min(Math.max(rows.children.length, PAGE), PAGE_MAX));
  }

  filter.addEventListener('submit', function (event) {
    event.preventDefault();
    tell('');
    begin(PAGE);
  });
  more.addEventListener('click', function () {
    load(PAGE);
  });

  /* ---- writing ---- */

  function newKey() {
    var bytes = new Uint8Array(16), hex = '', i;
    crypto.getRandomValues(bytes);
    for (i = 0; i < bytes.length; i++) {
      hex += (bytes[i] + 256).toString(16).slice(1);
    }
    return hex;
  }

  function showCount() {
    var content = send.elements.content.value;
    if (!content) {
      count.textContent = '';
      return;
    }
    ask('POST', '/api/v1/sms/segments', { text: content }, {}, function (answer) {
      if (content !== send.elements.content.value) {
        return;
      }
      count.textContent = text('parts').replace('%n', answer.segments).replace('%u', answer.units)
        + (answer.unusual.length ? ' ' + text('unusual') + ' ' + answer.unusual.slice(0, 10).join(' ') : '');
    }, function () {});
  }

  send.elements.content.addEventListener('input', function () {
    clearTimeout(countTimer);
    countTimer = setTimeout(showCount, COUNT_MS);
  });
  send.addEventListener('input', function () {
    key = null; /* another message */
  });
  send.addEventListener('submit', function (event) {
    var button = send.querySelector('button');
    var due = send.elements.due.value;
    var body = { to: send.elements.to.value, content: send.elements.content.value };
    event.preventDefault();
    if (due) {
      body.due = new Date(due).getTime();
    }
    key = key || newKey();
    button.disabled = true;
    ask('POST', API, body, { 'Idempotency-Key': key }, function () {
      key = null;
      button.disabled = false;
      send.reset();
      count.textContent = '';
      document.getElementById('compose').open = false;
      tell(text('sent'));
      reload();
    }, function () {
      button.disabled = false;
    });
  });

  /* ---- at first ---- */

  (function () {
    var day = new Date(Date.now() - DAYS * 24 * 3600 * 1000);
    function two(n) {
      return (n < 10 ? '0' : '') + n;
    }
    filter.elements.from.value = day.getFullYear() + '-' + two(day.getMonth() + 1) + '-' + two(day.getDate());
    begin(PAGE);
  }());
}());
