<?php
/**
 * The block as HTML: the element, and in it what is shown when the service does not answer.
 *
 * @package Pawsonalize
 */

defined( 'ABSPATH' ) || exit;

/**
 * The rules of the block as the service takes them, as JSON.
 *
 * @param array $attributes What the editor chose.
 * @return string
 */
function pawsonalize_query( $attributes ) {
	$limit = isset( $attributes['limit'] ) ? (int) $attributes['limit'] : 6;
	$query = array( 'limit' => max( 1, min( 50, $limit ) ) );
	if ( ! empty( $attributes['species'] ) ) {
		$query['species'] = array( sanitize_text_field( $attributes['species'] ) );
	}
	// esc_attr() keeps an entity as it is, so `&quot;` would end a string of the JSON.
	return wp_json_encode( $query, JSON_HEX_AMP );
}

/**
 * Render the block.
 *
 * The content is the editor's own: links or a list of animals that visitors see until the service
 * answers, and keep if it does not.
 *
 * @param array  $attributes What the editor chose.
 * @param string $content    The blocks within, rendered and escaped by WordPress.
 * @return string
 */
function pawsonalize_render_block( $attributes, $content ) {
	$url = pawsonalize_url();
	if ( '' === trim( $content ) ) {
		$content = '<p>' . esc_html__( 'Our animals are looking for a home.', 'pawsonalize' ) . '</p>';
	}
	if ( '' === $url ) {
		$note = current_user_can( 'manage_options' )
			? '<p>' . esc_html__( 'Only you see this: say under Settings, Pawsonalize, where your service is.', 'pawsonalize' ) . '</p>'
			: '';
		return $note . $content;
	}
	wp_enqueue_script_module( 'pawsonalize-embed' );
	$href = isset( $attributes['href'] ) ? trim( (string) $attributes['href'] ) : '';
	$board = '';
	if ( ! empty( $attributes['board'] ) ) {
		$rules = json_decode( pawsonalize_query( $attributes ), true );
		unset( $rules['limit'] );
		$board = sprintf(
			'<pawsonalize-board src="%1$s" key="%2$s" query="%3$s" question="%4$s" none="%5$s" next="%6$s"></pawsonalize-board>',
			esc_url( $url ),
			esc_attr( (string) get_option( 'pawsonalize_key', '' ) ),
			esc_attr( wp_json_encode( (object) $rules, JSON_HEX_AMP ) ),
			esc_attr__( 'Whom would you like to meet first?', 'pawsonalize' ),
			esc_attr__( 'None of these', 'pawsonalize' ),
			esc_attr__( 'Somebody else as well?', 'pawsonalize' )
		);
	}
	return $board . sprintf(
		'<pawsonalize-animals %1$s src="%2$s" key="%3$s" query="%4$s"%5$s>%6$s</pawsonalize-animals>',
		get_block_wrapper_attributes(),
		esc_url( $url ),
		esc_attr( (string) get_option( 'pawsonalize_key', '' ) ),
		esc_attr( pawsonalize_query( $attributes ) ),
		'' === $href ? '' : ' href="' . esc_attr( $href ) . '"',
		$content
	);
}
