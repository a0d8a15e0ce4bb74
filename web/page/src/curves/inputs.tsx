// The inputs and options of one curve.
import type { Choice, Curve, Field as Input, Option } from "../engine";
import { Field } from "./field";

/** The choice with another value, or without one. */
function set(choice: Choice, name: string, value: string | undefined): Choice {
  const others = choice.values.filter(([own]) => own !== name);
  return { ...choice, values: value === undefined ? others : [...others, [name, value]] };
}

const given = (choice: Choice, name: string): string | undefined =>
  choice.values.find(([own]) => own === name)?.[1];

export function Inputs({ choice, curve, change }: { choice: Choice; curve: Curve; change: (choice: Choice) => void }) {
  const { inputs, by } = curve.description;
  return (
    <>
      {inputs.map((input) => (
        <InputNumbers key={input.name} {...{ input, by, choice, change }} />
      ))}
    </>
  );
}

function InputNumbers({
  input,
  by,
  choice,
  change,
}: {
  input: Input;
  by: string;
  choice: Choice;
  change: (choice: Choice) => void;
}) {
  const { name, numbers, range, integers } = input;
  const one = numbers.length === 1 && input.shape.length === 0;
  const texts = given(choice, name)?.split(",") ?? numbers.map(String);
  const put = (place: number, text: string) => {
    const all = numbers.map((number, i) => (i === place ? text : (texts[i] ?? String(number))));
    change(set(choice, name, all.join(",")));
  };
  const present = (on: boolean) => {
    const varied = choice.by?.startsWith(name) ? { by: undefined } : {};
    change({ ...set(choice, name, on ? numbers.join(",") : undefined), ...varied });
  };
  return (
    <fieldset>
      <legend>
        {input.optional ? (
          <label>
            <input type="checkbox" checked={input.present} onChange={(event) => present(event.currentTarget.checked)} />{" "}
            {name}
          </label>
        ) : (
          name
        )}{" "}
        <small>{integers ? "whole numbers" : input.logits ? "logits, which become log-probabilities" : domain(input.domain)}</small>
      </legend>
      {input.present &&
        numbers.map((number, i) => {
          const place = input.by[i];
          const varies = place !== undefined && place === by;
          const label = one ? name : `${name}[${i}]`;
          return (
            <div class="varied" key={i}>
              {place !== undefined && (
                <input
                  type="radio"
                  aria-label={`${label} varies`}
                  title={`Draw against ${label}`}
                  checked={varies}
                  onChange={() => change({ ...choice, by: place })}
                />
              )}
              {varies ? (
                <span class="field">
                  {label} <em>varies</em>
                </span>
              ) : (
                <Field
                  name={label}
                  value={texts[i] ?? String(number)}
                  range={range}
                  whole={integers}
                  change={(text) => put(i, text)}
                />
              )}
            </div>
          );
        })}
    </fieldset>
  );
}

function domain(name: string): string {
  return { unit: "0 to 1", non_negative: "0 or more", sign: "1 or −1", corners: "two corners, the lower one first" }[name] ?? "";
}

export function Options({ options, choice, change }: { options: Option[]; choice: Choice; change: (choice: Choice) => void }) {
  if (!options.length) return null;
  return (
    <fieldset>
      <legend>options</legend>
      {options.map((option) => {
        const value = given(choice, option.name) ?? String(option.default ?? "none");
        const put = (text: string) => change(set(choice, option.name, text));
        return <OptionField key={option.name} {...{ option, value, put }} />;
      })}
    </fieldset>
  );
}

function OptionField({ option, value, put }: { option: Option; value: string; put: (text: string) => void }) {
  const { name, type } = option;
  if (type === "flag") {
    return (
      <label class="field">
        <span>{name}</span>
        <input type="checkbox" checked={value === "true"} onChange={(event) => put(String(event.currentTarget.checked))} />
      </label>
    );
  }
  if (type === "choice") {
    return (
      <label class="field">
        <span>{name}</span>
        <select value={value} onChange={(event) => put(event.currentTarget.value)}>
          {option.choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      </label>
    );
  }
  return (
    <div title={`${name}: ${option.valid}`}>
      <Field name={name} value={value} range={span(option)} whole={type === "integer"} change={put} />
    </div>
  );
}

/** What a slider spans: to both sides of a default, or from 0 where only that is valid. */
function span({ default: start, valid, type }: Option): [number, number] {
  const usual = typeof start === "number" ? start : 1;
  if (/from 0 to 1/.test(valid)) return [0, 1];
  if (/(\d+) or (\d+)$/.test(valid)) return [1, 2];
  const size = Math.max(2 * Math.abs(usual), type === "integer" ? 10 : Math.abs(usual) < 1e-2 && usual !== 0 ? 10 * usual : 3);
  return /above 0|0 or more|0 for none/.test(valid) ? [0, size] : [-size, size];
}
