// Drives the second half of /start for an application: the applicant at the bar, and every step of the office up to the
// decision.
import {
  closeLine,
  drive,
  holder,
  known,
  learnCall,
  openLine,
  refresh,
  signedIn,
  suggestedChecks,
} from "/start/steps.js";
import { given } from "/ask.js";

const { texts } = given;

const onCase = (more) => () => ({ input: { case: known.case ?? "", ...more } });
const onCall = (more) => () => ({ input: { call: known.call ?? "", ...more?.() } });

document.addEventListener("filed", ({ detail }) => {
  holder.number.value = detail.number;
  holder.code.value = detail.code;
  const pay = document.getElementById("pay");
  pay.href = detail.bankPage;
  pay.hidden = false;
  Object.assign(known, { case: detail.case, token: detail.token });
  refresh();
});

await drive({
  EnterBar: {
    variables: () => ({
      input: { number: holder.number.value, code: holder.code.value, consent: "v1", camera: true, microphone: true },
    }),
    hold: signedIn,
    then: ({ call, ticket }, output) => openLine(call, output, ticket),
  },
  ClaimNextCall: {
    variables: () => ({ input: {} }),
    then({ call }, output) {
      known.call = call;
      openLine(call, output);
    },
  },
  Call: { variables: () => ({ id: known.call ?? "", atLeast: known.token }), then: learnCall },
  RecordChecks: { variables: onCall(() => ({ checks: suggestedChecks(), will: texts.sample_will })) },
  Verify: { variables: onCall(), then: closeLine },
  OfficerCases: {
    variables: () => ({ states: ["IN_TERM", "UNDER_REVIEW", "CONCLUSION_PREPARED"], first: 20, atLeast: known.token }),
    then({ edges }) {
      if (!edges.some(({ node }) => node.id === known.case)) known.case = edges[0]?.node.id;
    },
  },
  StartReview: { variables: onCase({}) },
  RequestInformation: { variables: onCase({ text: texts.sample_question }) },
  PrepareConclusion: { variables: onCase({ text: texts.sample_conclusion, recommends: "GRANTED" }) },
  Decide: { variables: onCase({ outcome: "GRANTED", reasons: texts.sample_reasons }) },
  CaseEvents: { variables: () => ({ number: holder.number.value }) },
});
