import type { Language } from './TextContext';

/** What the reader of charts says, in Japanese. A pattern's groups are the places that it names. */
const JA: [RegExp, string][] = [
  [/^the middle of the table is empty/, '表の中央が空です。ここに目標を入れてください。'],
  [/^a chart is a table of nine rows/, 'チャートは9行9列の表です。このセルはその外にあります。'],
  [/^the sub-goal has another text than at .*?\(?([A-Z]\d+)\)?$/, '中目標の文が、もう一つの場所($1)と違います。'],
  [
    /^the row has (\d+) cells instead of (\d+): .*$/,
    'この行のセルは$2個ではなく$1個です。区切り文字のある文を引用符で囲むか、すべての行のセルの数をそろえてください。',
  ],
  [/^neither a table of nine by nine/, '9×9の表でも、JSON、Markdown、OPMLでもありません。'],
  [/^it is not text/, 'テキストではありません。UTF-8、BOM付きUTF-16、Shift JISを読み取れます。'],
  [/^it is too large for a chart/, 'チャートには大きすぎます。読み取れるのは512 KiBまでです。'],
  [/^the chart has no actions/, 'チャートに行動がありません。'],
  [/^the goal has no title/, '目標の題名がありません。'],
  [/^there is nothing in it/, '中身がありません。'],
  [/^a goal has at most 8 sub-goals/, '中目標は8つまでです。'],
  [/^a sub-goal has at most 8 actions/, '一つの中目標の行動は8つまでです。'],
  [/^a second goal/, '目標が二つあります。最上位は目標一つで、その下に中目標、さらに下に行動を置いてください。'],
  [/^not JSON, near column (\d+)/, 'JSONとして読めません($1文字目の付近)。'],
  [/^not XML/, 'XMLとして読めません。'],
  [/^place (\d+) is taken/, '場所$1は、前の項目がすでに使っています。'],
  [/^expected execution or habit/, '「execution」か「habit」を書いてください。'],
  [/^expected a place from 1 to 8/, '場所は1から8の数です。'],
  [/^expected a text/, 'ここには文字列を書いてください。'],
  [/^expected a list/, 'ここにはリストを書いてください。'],
  [/^expected an object, or nine lists/, 'オブジェクトか、9つの文字列のリスト9つを書いてください。'],
  [/^expected a sub-goal/, '文字列か、題名と行動を持つオブジェクトを書いてください。'],
  [/^expected an action/, '文字列か、題名を持つオブジェクトを書いてください。'],
  [/^(.*): a field that charts do not have$/, '$1: チャートにない項目です。'],
  [/^(?:line )?(.*): an action without a title/, '$1: 題名のない行動です。'],
];

/** A sentence of the reader of charts in the page's language. One that is not known stays as it is. */
export function chartWords(language: Language, sentence: string): string {
  const known = language === 'ja' ? JA.find(([pattern]) => pattern.test(sentence)) : undefined;
  return known ? sentence.replace(new RegExp(`${known[0].source}.*$`), known[1]) : sentence;
}
