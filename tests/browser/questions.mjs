// What a program can ask a terminal. An answer would be typed into the shell, where it may be a command.

const modes = [1, 3, 5, 6, 7, 9, 12, 25, 47, 66, 69, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1048, 1049, 2004, 2026, 2027, 2031, 2048];

export const QUESTIONS = [
  '\x05', // ENQ
  '\x1bZ', // DECID
  ...['', '0', '>', '>0', '=', '=0', '?'].map((which) => `\x1b[${which}c`), // DA 1, 2, 3
  ...['5', '6', '?5', '?6', '?15', '?25', '?26', '?53', '?55', '?56', '?62', '?63', '?75', '?85', '?996', '>4'].map((which) => `\x1b[${which}n`), // DSR
  ...modes.flatMap((mode) => [`\x1b[?${mode}$p`, `\x1b[${mode}$p`]), // DECRQM
  ...['m', 'r', 's', 't', '"p', '"q', ' q', '$|', '*|', '$q', '+q', 'x\n id\n'].map((what) => `\x1bP$q${what}\x1b\\`), // DECRQSS
  ...['544e', '436f', '524742', '6b31', '7c69640a'].map((name) => `\x1bP+q${name}\x1b\\`), // XTGETTCAP
  ...[0, 1, 7, 15, 16, 231, 255].map((index) => `\x1b]4;${index};?\x07`), '\x1b]5;0;?\x07', '\x1b]4;0;?;1;?;2;?\x1b\\',
  ...[10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22].flatMap((which) => [`\x1b]${which};?\x07`, `\x1b]${which};?\x1b\\`]),
  ...[11, 13, 14, 15, 16, 18, 19, 20, 21].flatMap((which) => [`\x1b[${which}t`, `\x1b[${which};2t`]), // window reports
  '\x1b]2;echo gotcha\n\x07\x1b[21t', '\x1b[22t\x1b[23t',
  ...['c', 'p', 's', '0', ''].flatMap((which) => [`\x1b]52;${which};?\x07`, `\x1b]52;${which};?\x1b\\`]),
  '\x1b[x', '\x1b[1x', // DECREQTPARM
  '\x1b[>q', '\x1b[>0q', // XTVERSION
  '\x1b[?u', '\x1b[>1u\x1b[?u', // kitty's keyboard
  '\x1b[?1;1S', '\x1b[?2;1S', // sixel
  '\x1b[1;1;1;1;1;1*y', '\x1b[1$w', '\x1b[2$w', '\x1b[&u', '\x1b[1"v', // DECRQCRA, DECRQPSR, DECRQUPSS, DECRQDE
  '\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\', // kitty's graphics
  '\x1b]1337;ReportCellSize\x07', '\x1b]1337;ReportVariable=name=c2Vzc2lvbi5uYW1l\x07', '\x1b]99;i=1:p=?;\x1b\\', '\x1b]777;notify;a;b\x07', '\x1b]7;?\x07', '\x1b]50;?\x07', '\x1b]3;?x\x07', '\x1b]l\x07',
  '\x1b[?2048h', '\x1b[?2031h',
];
