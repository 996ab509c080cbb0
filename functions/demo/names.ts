// Names for a class of any size.

const given = [
  'Ada',
  'Bilal',
  'Chen',
  'Dana',
  'Emre',
  'Farah',
  'Goran',
  'Hana',
  'Ines',
  'Jonas',
  'Kofi',
  'Lena',
];
const family = [
  'Abara',
  'Baumann',
  'Costa',
  'Demir',
  'Eriksen',
  'Fontaine',
  'Garcia',
  'Horvat',
  'Ito',
  'Jansen',
  'Kaya',
];

export const studentName = (index: number): string =>
  `${given[index % given.length]} ${family[Math.floor(index / given.length + index) % family.length]}`;
