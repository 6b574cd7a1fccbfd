/* SPDX-License-Identifier: MIT */
/* Makes the login pages nicer; every page works without it. Old phones read it: ES5 only. */
(function () {
  'use strict';

  var RETRIES = 20; /* users.md 8.5 */
  var RETRY_MS = 1000;
  var form = document.querySelector('form[data-kind]');
  var show = document.getElementById('show');
  var password = document.getElementById('password');

  if (show && password) {
    show.parentNode.hidden = false;
    show.addEventListener('change', function () {
      password.type = show.checked ? 'text' : 'password';
    });
  }
  if (!form) {
    return;
  }
  var button = form.querySelector('button');
  var label = button.textContent;

  function say(name) {
    var text = document.querySelector('[data-text="' + name + '"]');
    var box = document.getElementById('message');
    if (!box) {
      box = document.createElement('p');
      box.id = 'message';
      box.className = 'message';
      box.setAttribute('role', 'alert');
      form.parentNode.insertBefore(box, form);
    }
    box.textContent = '';
    box.hidden = !text;
    box.textContent = text ? text.textContent : '';
  }

  function setBusy(busy) {
    button.disabled = busy;
    button.textContent = busy ? form.getAttribute('data-busy') : label;
  }

  function fail(name) {
    setBusy(false);
    say(name);
  }

  function value(name) {
    var field = form.elements[name];
    return field ? field.value : undefined;
  }

  /* What the answer to a link means. */
  function linkFailure(status, text) {
    var word;
    try {
      word = JSON.parse(text).error;
    } catch (e) {
      word = '';
    }
    if (status === 401) {
      return word === 'expired' ? 'expired' : 'invalid';
    }
    if (status === 429) {
      return 'limited';
    }
    return status === 400 && word === 'missing' ? 'missing' : 'failed';
  }

  function send(body, retries) {
    var request = new XMLHttpRequest();
    request.open('POST', form.getAttribute('action') || location.pathname);
    request.setRequestHeader('Content-Type', 'application/json');
    request.setRequestHeader('Accept', 'application/json');
    request.onload = function () {
      var isLink = form.getAttribute('data-kind') === 'link';
      if (request.status === 302 && request.responseText.charAt(0) === '/') {
        location.replace(request.responseText);
      } else if (request.status === 408 && isLink && retries > 0) {
        setTimeout(function () { send(body, retries - 1); }, RETRY_MS);
      } else if (request.status === 408) {
        fail('timeout');
      } else if (isLink) {
        fail(linkFailure(request.status, request.responseText));
      } else {
        fail(request.status === 401 ? 'wrong' : request.status === 429 ? 'limited' : 'failed');
      }
    };
    request.onerror = function () { fail('offline'); };
    request.send(JSON.stringify(body));
  }

  form.addEventListener('submit', function (event) {
    event.preventDefault();
    if (button.disabled) {
      return;
    }
    setBusy(true);
    say('');
    send({
      user: value('user'),
      password: value('password'),
      redirect: value('redirect'),
      locale: value('locale')
    }, RETRIES);
  });
})();
