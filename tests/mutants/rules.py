#!/usr/bin/env python3
"""Changes the rules that ship, one at a time, in a crate that holds the policy alone, and says which changes its tests
don't notice: a rule that is gone, one that holds without its condition, or without one of its alternatives.

    tests/mutants/rules.py CRATE     (made by scripts/soak.sh)

Ends well where each is noticed."""

import os
import re
import subprocess
import sys

crate = sys.argv[1]
place = os.path.join(crate, "policies/base.cedar")
with open(place, encoding="utf-8") as file:
    text = file.read()

rule = re.compile(r'^@id\("(?P<id>[^"]+)"\)\n.*?;\n', re.MULTILINE | re.DOTALL)
condition = re.compile(r"\n(when|unless) \{.*\}(?=;\n$)", re.DOTALL)


def changed():
    for found in rule.finditer(text):
        before, whole, after = text[: found.start()], found.group(), text[found.end() :]
        yield f"{found['id']} is gone", before + after
        if condition.search(whole):
            yield f"{found['id']} without its condition", before + condition.sub("", whole) + after
            inner = re.search(r"\{(.*)\}", condition.search(whole).group(), re.DOTALL)[1]
            each = inner.split("||")
            for at, one in enumerate(each if len(each) > 1 else []):
                rest = "||".join(each[:at] + each[at + 1 :])
                name = f"{found['id']} without {' '.join(one.split())}"
                yield name, before + whole.replace(inner, rest) + after


def tests():
    # A change that can't be read as rules is no finding: the tests can't be passed by what isn't read.
    return subprocess.run(
        ["cargo", "test", "--quiet", "--lib"],
        cwd=crate,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
        check=False,
    )


well = tests()
if well.returncode != 0:
    sys.exit("the tests fail with the rules as they are:\n" + well.stdout.decode())
caught, missed = 0, []
try:
    for what, rules in changed():
        with open(place, "w", encoding="utf-8") as file:
            file.write(rules)
        noticed = tests().returncode != 0
        print("caught" if noticed else "missed", what, flush=True)
        caught += noticed
        if not noticed:
            missed.append(what)
finally:
    with open(place, "w", encoding="utf-8") as file:
        file.write(text)
for what in missed:
    print("survived: base.cedar:", what)
print(f"mutants: rules: {caught} caught, {len(missed)} missed")
sys.exit(bool(missed))
