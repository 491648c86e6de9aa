/** Names and values as a form or an expression gives them. */
import { environmentOf } from '../../nodes/RunPod/actions/managedFields.ts';
import { pairsOf } from '../../nodes/RunPod/core/reading.ts';

test.each([
	['rows', { variable: [{ name: ' A ', value: 1 }, { name: 'B' }] }, [['A', '1'], ['B', '']]],
	['no rows, which is an empty list', { variable: [] }, []],
	['an object of an expression', { A: 1, B: null }, [['A', '1'], ['B', '']]],
	['a field that was not touched', {}, undefined],
	['no object', 'A=1', undefined],
	['nothing', undefined, undefined],
])('pairs of %s', (_name, given, pairs) => expect(pairsOf(given)).toEqual(pairs));

test.each([[{ variable: [{ name: 'MY-SET', value: '1' }] }], [{ 'MY-SET': 1 }]])(
	'a name that no shell takes is refused by itself: %j',
	(given) => {
		expect(() => environmentOf(given)).toThrow("'Environment' has the name 'MY-SET'; use letters, digits and _.");
	},
);

test('the variables of a container', () => {
	expect(environmentOf({ variable: [{ name: 'A', value: 1 }] })).toEqual({ A: '1' });
	expect(environmentOf({})).toBeUndefined();
});
